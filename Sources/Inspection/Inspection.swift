// Inspection: what Redis holds, told so that a person understands it.
//
// Promises: what is told and judged are pure values with a JSON form and, where people read them, lines of at most 80
// columns; times are Redis time in milliseconds in JSON, ISO 8601 and "3 min ago" in text. What is a guess is said to
// be one.
// The doctor (`Doctor/`) reads Redis itself, through the store, and mends where it is told to.
// Does not: print, know of commands or HTTP.
