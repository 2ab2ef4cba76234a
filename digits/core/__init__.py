"""The foundation: errors, files, parameters, labelled images, and stages as programs."""
