"""The stages of a task, one module each: recall, plan, locate, write, self-check.

A stage is a function from the work so far, and the means, to the work a step further. Only
`mai.agent.loop` knows their order.
"""
