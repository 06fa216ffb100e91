package detect

// topShare is the share of the last ten minutes' errors that one customer had.
func (l *look) topShare() float64 {
	e, _ := l.w.span(0, 10)
	if e <= 0 || l.in.Customers.Distinct <= 0 {
		return 0
	}
	return min(float64(l.in.Customers.Top)/e, 1)
}

// oneCustomer says that what is above normal is all of the same customer, which
// is less than an outage: the others have no more errors than they always do, and
// fewer than that customer. Errors that have no customer count as others'. A few
// errors prove nothing.
func (l *look) oneCustomer() bool {
	c := &l.in.Customers
	if l.in.SingleTenant || c.Distinct <= 0 || c.Top < l.set.OneErrors {
		return false
	}
	e, n := l.w.span(0, 10)
	others := e - float64(c.Top)
	_, usual := Usual(2*l.b.Rate*n, l.b.Phi)
	return others <= l.set.OtherShare*e && others <= usual
}

// broad says whether 429s are the service's trouble, a limiter that is wrong or
// a lack of capacity, and not a customer's.
func (l *look) broad() (level Level, note string) {
	c, set := &l.in.Customers, l.set
	switch {
	case l.in.SingleTenant:
		return Page, ""
	case c.Distinct == 0:
		return Notify, "customers are not known"
	case float64(c.Distinct) < l.many():
		return Notify, "few customers"
	case l.topShare() >= set.TopShare:
		return Notify, "mostly one customer"
	}
	return Page, "broad"
}

// many is how many customers are more than always meet a limit. Where they are
// many anyhow, three times as many there may not be. But if one has a fifth of
// the errors, five may have them all, beside those who always have some.
func (l *look) many() float64 {
	set, usual, least := l.set, l.b.Customers, float64(l.set.BroadCustomers)
	if l.topShare()*least > 1 {
		return least + set.BroadFactor*usual
	}
	return usual + max(least, min((set.BroadFactor-1)*usual, float64(set.BroadMore)))
}

// concentrated finds the customer who outgrew a limit: for support, not for the
// person on call.
func (l *look) concentrated() {
	c, set := &l.in.Customers, l.set
	if l.in.Family != Limits || c.Top < set.TopErrors || l.topShare() < set.TopShare || l.in.SingleTenant {
		return
	}
	if c.TopRequests > 0 && float64(c.Top) < set.TopRate*float64(c.TopRequests) {
		return
	}
	for half := range 2 { // for ten minutes, not one burst in them
		if e, _ := l.w.span(half*5, half*5+5); e < float64(set.TopErrors)/5 {
			return
		}
	}
	why := l.why(Concentrated, 10, set.TopRate, 0, 0)
	why.Customer = c.TopName
	l.v.take(Notify, why, l.onset(5, 0))
}
