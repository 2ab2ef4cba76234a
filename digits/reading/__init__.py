"""An image, drawn, scanned or photographed, into digits."""
