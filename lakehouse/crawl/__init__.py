"""Workflows that wait for a Glue crawler: `ask` remembers who waits and starts it, `answer` tells them how it ended.

Step Functions cannot wait for a crawler by itself. A task therefore hands over its token and waits for the answer; the
crawler's own event brings it. Asking stores the token *before* it starts the crawler, and only a crawl that began
after that counts as the answer: one that was running already may have passed by what the run has just written. Every
step may be repeated. An event that never comes is made up for by the task's TimeoutSeconds and Retry: asking again
replaces the run's token.
"""
