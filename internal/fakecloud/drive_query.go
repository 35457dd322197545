package fakecloud

import (
	"errors"
	"strings"
	"unicode"
)

// driveQuery is a parsed q parameter of files.list.
type driveQuery func(c *driveCall, view driveView, f *driveFile) bool

var errQuery = errors.New("not in the grammar of queries")

// parseQuery reads Drive's search grammar. "and" and "or" bind alike and are
// taken from left to right, as Drive documents it.
func parseQuery(s string) (driveQuery, error) {
	tokens, err := queryTokens(s)
	if err != nil {
		return nil, err
	}
	p := &queryParser{tokens: tokens}
	q, err := p.expression()
	if err == nil && len(p.tokens) > 0 {
		err = errQuery
	}
	return q, err
}

// queryToken is a word, an operator or, if quoted, a text.
type queryToken struct {
	text   string
	quoted bool
}

func queryTokens(s string) (tokens []queryToken, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var t queryToken
		switch n := operatorLength(s); {
		case s[0] == '\'':
			if t, s, err = quotedToken(s[1:]); err != nil {
				return nil, err
			}
		case n > 0:
			t.text, s = s[:n], s[n:]
		default:
			n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			if n < 0 {
				n = len(s)
			}
			if n == 0 {
				return nil, errQuery
			}
			t.text, s = s[:n], s[n:]
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func operatorLength(s string) int {
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">", "(", ")", "{", "}"} {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	return 0
}

// quotedToken reads a text up to its closing quote; \' and \\ are escapes.
func quotedToken(s string) (t queryToken, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '\'':
			return queryToken{b.String(), true}, s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return t, "", errQuery
}

type queryParser struct{ tokens []queryToken }

func (p *queryParser) next() queryToken {
	if len(p.tokens) == 0 {
		return queryToken{}
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// take takes the next token if it is this word.
func (p *queryParser) take(word string) bool {
	if len(p.tokens) > 0 && !p.tokens[0].quoted && strings.EqualFold(p.tokens[0].text, word) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *queryParser) expression() (driveQuery, error) {
	left, err := p.operand()
	for err == nil {
		and := p.take("and")
		if !and && !p.take("or") {
			break
		}
		var right driveQuery
		right, err = p.operand()
		left = join(and, left, right)
	}
	return left, err
}

func join(and bool, a, b driveQuery) driveQuery {
	return func(c *driveCall, v driveView, f *driveFile) bool {
		if and {
			return a(c, v, f) && b(c, v, f)
		}
		return a(c, v, f) || b(c, v, f)
	}
}

func (p *queryParser) operand() (driveQuery, error) {
	switch {
	case p.take("not"):
		q, err := p.operand()
		return func(c *driveCall, v driveView, f *driveFile) bool { return !q(c, v, f) }, err
	case p.take("("):
		q, err := p.expression()
		if err == nil && !p.take(")") {
			err = errQuery
		}
		return q, err
	}
	return p.term()
}

func (p *queryParser) term() (driveQuery, error) {
	first := p.next()
	if first.quoted {
		if !p.take("in") {
			return nil, errQuery
		}
		return memberTerm(first.text, p.next().text)
	}
	op := p.next().text
	if op == "has" {
		return p.hasTerm(first.text)
	}
	return compareTerm(first.text, op, p.next())
}

// hasTerm is properties has { key='k' and value='v' }.
func (p *queryParser) hasTerm(field string) (driveQuery, error) {
	ok := p.take("{") && p.take("key") && p.take("=")
	key := p.next()
	ok = ok && p.take("and") && p.take("value") && p.take("=")
	value := p.next()
	if !ok || !p.take("}") || !key.quoted || !value.quoted || field != "properties" && field != "appProperties" {
		return nil, errQuery
	}
	return func(c *driveCall, _ driveView, f *driveFile) bool {
		from := f.Properties
		if field == "appProperties" {
			from = f.AppProperties[c.grant.Client]
		}
		v, has := from[key.text]
		return has && v == value.text
	}, nil
}
