// Package simulate makes up series of errors whose incidents are known, and
// counts what detectors find in them: which incidents they page for, how soon,
// and how often for nothing. It follows no service in particular. A day has a
// peak and a night, a week has a weekend, load drifts, error rates vary more
// than chance alone; how much of each is a Noise, because nobody knows theirs.
package simulate
