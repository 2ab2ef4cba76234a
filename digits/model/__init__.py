"""Networks: building, training, measuring and exporting them."""
