"""Networks: building, training, calibrating and measuring them."""
