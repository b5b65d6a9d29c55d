"""Python imports this by itself when it starts with this folder on its path: awsglue then finds its JVM half."""

import glue_jvm
import job_process

glue_jvm.hook_imports()
job_process.settle()
