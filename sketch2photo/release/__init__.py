"""Released models on disk, and the one way to open the weights of any run or release."""
