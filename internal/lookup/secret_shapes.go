package lookup

import (
	"strings"

	"errata/internal/auth"
)

// charset says which bytes the rest of a key is made of.
type charset func(c byte) bool

func dotted(c byte) bool     { return idByte(c) || c == '.' }
func slashed(c byte) bool    { return dotted(c) || c == '/' }
func base64Char(c byte) bool { return slashed(c) || c == '+' || c == '=' || c == '~' || c == '%' }

// shape is how a key begins, and how much of what follows at the least.
type shape struct {
	heads string // without capitals, parted by blanks
	of    charset
	least int
	also  func(tail string) bool // what else must hold, if anything
	ours  bool                   // Errata gives them out, with or without a digit
}

// issuedShapes are keys that are known by how they begin.
var issuedShapes = []shape{
	{heads: auth.KeyPrefix, of: base64Char, least: 16, also: oneRun, ours: true},
	{heads: strings.Join(auth.Prefixes[1:], " "), of: idByte, least: auth.TokenLength, ours: true},
	{heads: "whsec_ glpat- gldt- glrt- glptt- glsoat- sk- sk_", of: base64Char, least: 16, also: oneRun},
	{heads: "sk_live_ sk_test_ sk-live- sk-test- sk_prod_ sk-prod- sk-proj- sk_proj_ sk-svcacct- sk-admin- sk-ant- sk_ant_ sk-or-", of: idByte, least: 8},
	{heads: "pk_live_ pk_test_ pk-live- pk-test- pk_prod_ pk-prod- rk_live_ rk_test_ rk-live- rk-test- rk_prod_ rk-prod-", of: idByte, least: 8},
	{heads: "ep_live_ ep_test_ ep-live- ep-test- ep_prod_ ep-prod- ak_live_ ak_test_ ak-live- ak-test- ak_prod_ ak-prod-", of: idByte, least: 8},
	{heads: "ghp_ gho_ ghu_ ghs_ ghr_ npm_ hf_ gsk_ ntn_ secret_ sbp_ r8_ nfp_ phx_ rubygems_ napi_ atbb pul- xai- pplx- nrak-", of: idByte, least: 20, also: oneRun},
	{heads: "github_pat_ lin_api_ dckr_pat_ glsa_ glc_ shpat_ shpss_ shpca_ shppa_ figd_ pscale_tkn_ sntrys_ sntryu_ tvly- dop_v1_ doo_v1_ dor_v1_ sq0atp- sq0csp- gocspx- atatt3 atctt3", of: idByte, least: 20},
	{heads: "dp.pt. dp.st. hvs. hvb. ya29.", of: dotted, least: 20},
	{heads: "xoxa- xoxb- xoxe- xoxp- xoxr- xoxs- xoxc- xoxd- xapp-", of: idByte, least: 10},
	{heads: "pypi-ag age-secret-key-1 aiza 1//0", of: idByte, least: 30},
	{heads: "akia asia", of: idByte, least: 12, also: capitals},
	{heads: "dapi key-", of: idByte, least: 32, also: hexTail},
	{heads: "sg. eyj", of: dotted, least: 17, also: partedByDot},
	{heads: "hooks.slack.com/services/ hooks.slack.com/workflows/ discord.com/api/webhooks/ discordapp.com/api/webhooks/", of: slashed, least: 20},
}

const maxChecked = 512 // bytes of a key that are looked at for its form

func oneRun(tail string) bool {
	for i := range 16 {
		if !alnum(tail[i]) {
			return false
		}
	}
	return true
}

func capitals(tail string) bool {
	for i := range 12 {
		if c := tail[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

func hexTail(tail string) bool { return wholeHex.MatchString(tail[:32]) }

func partedByDot(tail string) bool {
	i := strings.IndexByte(tail[:min(len(tail), 4096)], '.')
	return i >= 8 && len(tail)-i > 8
}

// issued finds keys by their shape.
func issued(text, small string) []credential {
	var out []credential
	take := func(from, to int, sure bool) {
		c := credential{from: from, to: to}
		if sure || hasDigit(text[from:min(to, from+maxChecked)]) { // "basic authentication" is no key
			c.shown = mask(text[from:to])
		}
		out = append(out, c)
	}
	for _, s := range issuedShapes {
		for head := range strings.FieldsSeq(s.heads) {
			end := 0 // of the characters that may belong to one
			places(small, head, func(at int) int {
				if at > 0 && (alnum(text[at-1]) || text[at-1] == '_') {
					return 0
				}
				tail := at + len(head)
				for end = max(end, tail); end < len(text) && s.of(text[end]); {
					end++
				}
				if end-tail < s.least || s.also != nil && !s.also(text[tail:end]) {
					return 0
				}
				take(at, at+len(strings.TrimRight(text[at:end], ".-")), s.ours)
				return end
			})
		}
	}
	for _, kind := range []string{"bearer", "basic"} {
		places(small, kind, func(at int) int {
			from := at + len(kind)
			for from < len(text) && from-at < 16 && (text[from] == ' ' || text[from] == '\t' || text[from] == '\n') {
				from++
			}
			end := from
			for end < len(text) && base64Char(text[end]) {
				end++
			}
			value := text[from:end]
			if from == at+len(kind) || at > 0 && alnum(text[at-1]) || len(value) < 12 || placeholder(value[:min(len(value), maxChecked)]) || prefixes.MatchString(value) {
				return 0
			}
			take(at, end, false)
			return end
		})
	}
	places(small, ":aa", func(at int) int { // a bot of Telegram
		from, end := at, at+3
		for from > 0 && at-from < 12 && text[from-1] >= '0' && text[from-1] <= '9' {
			from--
		}
		for end < len(text) && end-at < 64 && idByte(text[end]) {
			end++
		}
		if at-from >= 8 && end-at >= 33 {
			take(from, end, false)
			return end
		}
		return 0
	})
	places(small, "-us", func(at int) int { // Mailchimp: the key, and where its data are
		end := at + 3
		for end < len(text) && end-at < 5 && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		if from := at - 32; end > at+3 && from >= 0 && wholeHex.MatchString(text[from:at]) && (from == 0 || !alnum(text[from-1])) {
			take(from, end, false)
		}
		return 0
	})
	return out
}

const maxKeyBlock = 16 << 10

// privateKeys finds the blocks of PEM files, also those that somebody cut off.
func privateKeys(text, small string) []credential {
	var out []credential
	places(small, "private key", func(at int) int {
		from := strings.LastIndex(small[max(0, at-40):at], "-----begin")
		if from < 0 {
			return 0
		}
		from += max(0, at-40)
		limit := min(len(text), from+maxKeyBlock)
		end := at + len("private key")
		if i := strings.Index(small[end:limit], "-----end"); i >= 0 {
			end += i
			if j := strings.IndexByte(small[end:min(len(text), end+80)], '\n'); j >= 0 {
				end += j
			} else {
				end = min(len(text), end+8)
			}
		} else {
			end = cutOff(text, end, limit)
		}
		out = append(out, credential{from, end, "private key …"})
		return end
	})
	return out
}

// cutOff gives where a block ends whose last line is not there.
func cutOff(text string, end, limit int) int {
	for end < limit && text[end] != '\n' && text[end] != '\\' {
		end++
	}
	for end < limit {
		line, _, _ := strings.Cut(text[end+1:limit], "\n")
		key := strings.TrimSpace(line)
		if key != "" && (len(key) < 24 || strings.ContainsAny(key, " \t")) {
			break
		}
		end += 1 + len(line)
	}
	return end
}

const maxUserinfo = 400

// userinfo finds names and passwords in addresses: postgres://app:secret@host.
func userinfo(text, small string) []credential {
	var out []credential
	places(small, "://", func(at int) int {
		from := at + 3
		end := from
		for end < len(text) && end-from < maxUserinfo && text[end] > ' ' && strings.IndexByte(`/@"'<>?#`, text[end]) < 0 {
			end++
		}
		if end == len(text) || text[end] != '@' {
			return 0
		}
		user, password, ok := strings.Cut(text[from:end], ":")
		if !ok && len(user) >= 16 && hasDigit(user) && !placeholder(user) { // a key in the place of the name
			out = append(out, credential{from, end, mask(user)})
		}
		if ok && len(password) >= 3 {
			c := credential{from, end, ""}
			if !placeholder(password) {
				c.shown = "password in a link …"
			}
			out = append(out, c)
		}
		return end
	})
	return out
}
