"""What W_img (Eq. 4) keeps of an image, whoever it is of."""
