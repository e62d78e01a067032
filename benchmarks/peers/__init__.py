"""Other libraries doing the same work, each as its own documentation advises; one small file for each."""
