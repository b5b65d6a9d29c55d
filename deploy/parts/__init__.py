"""Parts of the template, one module a concern. Each has `add(template, …)`."""
