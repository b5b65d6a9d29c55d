"""What nobody needs any more: runs of gold that readers no longer see, versions in bronze that no longer count."""
