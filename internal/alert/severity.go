package alert

// How each receiver says how bad it is. A resolved Incident keeps the severity
// it had: receivers match by it.

// PagerDutySeverity is one of critical, error, warning, info.
func (i Incident) PagerDutySeverity() string {
	switch {
	case i.Level == Page && i.LowUrgency:
		return "error"
	case i.Level == Page:
		return "critical"
	case i.Level == Ticket:
		return "warning"
	default:
		return "info"
	}
}

// OpsgeniePriority is P1, the loudest, to P5. Jira Service Management has the same.
func (i Incident) OpsgeniePriority() string {
	switch {
	case i.Level == Page && i.LowUrgency:
		return "P2"
	case i.Level == Page:
		return "P1"
	case i.Level == Ticket:
		return "P3"
	default:
		return "P4"
	}
}

// Severity is the label that Alertmanager's routing trees are written for.
func (i Incident) Severity() string {
	switch i.Level {
	case Page:
		return "critical"
	case Ticket:
		return "warning"
	default:
		return "info"
	}
}
