"""What the lake costs on AWS: quantities counted or scaled, one table of prices, one page made of them.

`prices` reads docs/prices.toml, `model` says what a quantity costs, `count` counts the calls of a small run on the
embedded AWS into counted.toml, `scale` makes of that what a run of any size uses, `page` writes docs/cost.md.
"""
