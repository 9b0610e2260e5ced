package config

import (
	"net/url"
	"path"
	"strconv"
	"strings"
)

// The kinds of ledger.
const (
	LedgerMemory     = "mem"
	LedgerBolt       = "bolt"
	LedgerRedis      = "redis"
	LedgerTablestore = "ots"
)

// Ledger says where the incidents are kept. It is only parsed: whether the place exists is for the one who opens it to find
// out.
type Ledger struct {
	Kind                    string // Memory, Bolt, Redis or Tablestore
	URL                     Secret // of Redis, as given: redis:// or rediss://, perhaps with user and password
	Path                    string // of Bolt: absolute
	Instance, Region, Table string // of Tablestore
	Name                    string // the ledger in messages, without user, password and options
}

const ledgerForms = "mem:, bolt:///PATH, redis://HOST:PORT, rediss://HOST:PORT or ots://INSTANCE.REGION/TABLE"

// tablestoreURL follows the naming rules of Tablestore for tables (help "Naming conventions and data types"). Instance and
// region become part of a host name, so they may hold nothing that ends one.
var tablestoreURL = late(`^ots://([A-Za-z][A-Za-z0-9-]*)\.([a-z][a-z0-9-]*)/([A-Za-z_][A-Za-z0-9_]{0,254})$`)

// ledgerHidden: a URL may hold a password, also one so misspelt that it cannot be told where; the other kinds have none.
func ledgerHidden(value string) bool {
	harmless := strings.HasPrefix(value, "mem:") || strings.HasPrefix(value, "bolt:") || strings.HasPrefix(value, "ots:")
	return !harmless || urlHidden(value)
}

func ledger(into *Ledger) parser {
	return func(value string, fail fail) {
		switch kind, _, _ := strings.Cut(value, ":"); kind {
		case "mem":
			if value != "mem:" {
				fail("mem: and nothing after it", "a ledger in memory has no name")
				return
			}
			*into = Ledger{Kind: LedgerMemory, Name: value}
		case "bolt":
			file, ok := strings.CutPrefix(value, "bolt://")
			if !ok || !path.IsAbs(file) || strings.HasSuffix(file, "/") {
				fail("bolt:///PATH with three slashes, such as bolt:///var/lib/ecs-remedy/ledger.db",
					"not the absolute path of a file")
				return
			}
			file = path.Clean(file)
			*into = Ledger{Kind: LedgerBolt, Path: file, Name: "bolt://" + file}
		case "redis", "rediss":
			redis(into, value, fail)
		case "ots":
			part := tablestoreURL().FindStringSubmatch(value)
			if part == nil {
				fail("ots://INSTANCE.REGION/TABLE, such as ots://remedy.cn-hangzhou/incidents; a table's name has letters, "+
					"digits and underscores", "not the address of a table in Tablestore")
				return
			}
			*into = Ledger{Kind: LedgerTablestore, Instance: part[1], Region: part[2], Table: part[3], Name: value}
		default:
			fail(ledgerForms, "not a kind of ledger")
		}
	}
}

// redis checks the URL of a Redis server. A password that holds / ? or # unescaped would end the host too early, and its rest
// would pass for a database or an option: nothing of that may get through, for the host is printed. Errors of net/url are
// dropped because their text holds the URL.
func redis(into *Ledger, value string, fail fail) {
	const form = "redis://USER:PASSWORD@HOST:PORT/DATABASE, the last a number, all but HOST optional; write / ? # @ : % in " +
		"user and password as %2F %3F %23 %40 %3A %25"
	u, err := url.Parse(value)
	if err != nil || u.Opaque != "" {
		fail(form, "not a URL")
		return
	}
	if u.Hostname() == "" {
		fail(form, "no host")
		return
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		fail(form, "the port is not a number from 1 to 65535")
		return
	}
	database := strings.TrimPrefix(u.Path, "/")
	if _, err := strconv.ParseUint(database, 10, 16); database != "" && err != nil {
		fail(form, "the database is not a number")
		return
	}
	if u.Fragment != "" || strings.Contains(u.RawQuery, "@") {
		fail(form, "user or password is not escaped")
		return
	}
	*into = Ledger{Kind: LedgerRedis, URL: Secret(value), Name: u.Scheme + "://" + u.Host + u.Path}
}
