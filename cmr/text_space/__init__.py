"""W_img (Eq. 4): which one a run takes, and where it comes from."""
