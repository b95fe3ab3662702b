//! Nothing but `benches/`: what it costs to pass through the filters. See README.md for how to read a number.
