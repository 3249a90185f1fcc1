"""What a crash or a hang was: recognised in the console's text and in what the post mortem saw of the machine."""
