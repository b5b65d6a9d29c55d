"""The DynamoDB table that remembers every file, batch and run: `items` says what, `store` is how the others use it."""
