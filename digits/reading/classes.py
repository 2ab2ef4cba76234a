"""What the reader's classifier tells apart: the ten digits, letters, other signs, and none of these."""

LETTER, SIGN, NONE, CLASSES = 10, 11, 12, 13
