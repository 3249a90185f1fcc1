"""Would the harness have caught it? Plays scenarios against images with known defects, and against clean ones."""
