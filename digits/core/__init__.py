"""What everything stands on: errors, files, parameters, labelled images, and stages as programs."""
