"""The `lake` command. Everything a person does with the lake, through the same AWS calls as anybody else's client."""
