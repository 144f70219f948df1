"""Power cuts: a disk that remembers each write and each flush, and what every cut of them would have left behind."""
