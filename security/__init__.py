"""What `make security` checks: the template, the policies, the packages, the containers and CI itself.

Nothing that ships imports this package. Its tools have a virtual environment of their own (`requirements/security.in`),
for some pin their packages otherwise than the lake does.
"""
