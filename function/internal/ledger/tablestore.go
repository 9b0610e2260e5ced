package ledger

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

const (
	// tablestoreTries is how often Get and Put ask before they give up, reading back not counted.
	tablestoreTries = 2
	// tablestoreBody caps an answer: a row holds at most one value, and that at most MaxValue
	// bytes.
	tablestoreBody = 4 << 20
	// tablestorePage is how many rows List asks for at once. Each has a key of at most MaxKey bytes
	// and two numbers, so a page stays far below tablestoreBody, and below the 4 MB and 5,000 rows
	// after which the service itself ends a page (document "Limits on the Wide Column model").
	tablestorePage = 500
)

// tablestoreConditionFailed is the code for a write whose condition did not hold; the SDK has no
// name for it.
const tablestoreConditionFailed = "OTSConditionCheckFail"

// The columns of a row. The form may change only by adding columns that older versions of this
// program may drop.
const (
	tablestoreKey      = "key"      // string, the primary key
	tablestoreValue    = "value"    // string, the JSON object
	tablestoreRevision = "revision" // integer
	tablestoreWriter   = "writer"   // string, a random name of the call of Put that wrote the row
	// integer, the value's expiry in Unix milliseconds, if it has one
	tablestoreExpires = "expires"
)

// TablestoreOptions says where the ledger's table is and who reads it.
type TablestoreOptions struct {
	// Endpoint is https://HOST, where HOST is one of the instance's own, such as the address that
	// it has within a VPC bound to it; or http:// and a loopback address, for a test. Empty means
	// the one of Instance and Region, within the region's VPC if VPC is set (Tablestore document
	// "Endpoints").
	Endpoint string
	Instance string
	Region   string
	Table    string
	VPC      bool

	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string // empty for a key that lasts

	// Limit is within which every Get, every Put and every page of a List ends, all tries and
	// connecting included.
	Limit time.Duration
}

// Tablestore is a Store on a table of Alibaba Cloud Tablestore. The table must exist, with one
// primary key column "key" of type STRING, max versions 1, and a time to live of 30 days or more
// (or -1). Tablestore knows no expiry of a single row, only one of the whole table, counted from a
// row's last write, so Get gives a value after its expiry too, and only List leaves it out: what
// must last is written anew by the sweep, an open incident whenever it is handled and a pause once
// a day.
//
// Where values from outside go: Instance and Region, or Endpoint, into the host, and Table and a
// key or the beginning of one into fields of a message; all are checked before they get there,
// whoever gives them.
//
// Open one for each invocation: credentials last as long as an invocation's, and so do connections.
type Tablestore struct {
	api   func(context.Context) tablestore.TableStoreApi
	close func()
	name  string
	host  string
	table string
	limit time.Duration
}

// OpenTablestore prepares a store; it does not connect yet.
func OpenTablestore(o TablestoreOptions) (*Tablestore, error) {
	for _, option := range []struct{ name, value string }{
		{"instance", o.Instance}, {"region", o.Region}, {"table", o.Table},
		{"access key id", o.AccessKeyID}, {"access key secret", o.AccessKeySecret},
	} {
		if option.value == "" {
			return nil, fmt.Errorf("the Tablestore ledger ots://INSTANCE.REGION/TABLE has no "+
				"%s", option.name)
		}
	}
	endpoint, err := tablestoreEndpoint(o)
	if err != nil {
		return nil, err
	}
	connections := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: o.Limit / (tablestoreTries + 1)}).DialContext,
		TLSHandshakeTimeout: o.Limit / (tablestoreTries + 1),
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
	return &Tablestore{
		// The SDK's calls take no context, so each call gets a client whose transport carries it. A
		// client is a few fields; the connections are shared.
		api: func(ctx context.Context) tablestore.TableStoreApi {
			return tablestore.NewClientWithConfig(endpoint, o.Instance, o.AccessKeyID,
				o.AccessKeySecret, o.SecurityToken,
				&tablestore.TableStoreConfig{
					// No retries: the SDK would send a conditional write again after a broken
					// connection.
					RetryTimes:  0,
					HTTPTimeout: tablestore.HTTPTimeout{RequestTimeout: o.Limit},
					Transport:   tablestoreTransport{ctx, connections},
				})
		},
		close: connections.CloseIdleConnections,
		name:  fmt.Sprintf("ots://%s.%s/%s", o.Instance, o.Region, o.Table),
		host:  strings.TrimPrefix(strings.TrimPrefix(endpoint, "https://"), "http://"),
		table: o.Table,
		limit: o.Limit,
	}, nil
}

// tablestoreEndpoint returns the address that requests go to. They are signed, and carry a token:
// nothing becomes part of a host that could make it another one's.
func tablestoreEndpoint(o TablestoreOptions) (string, error) {
	for _, option := range []struct {
		name, value, more string
		longest           int
	}{
		{"instance", o.Instance, "-", 63}, {"region", o.Region, "-", 63},
		{"table", o.Table, "_", 255},
	} {
		if !tablestoreWord(option.value, option.more, option.longest) {
			return "", fmt.Errorf("the Tablestore ledger ots://INSTANCE.REGION/TABLE has a %s "+
				"that no %s can have: %s", option.name, option.name, storeShown(option.value))
		}
	}
	switch {
	case o.Endpoint == "" && o.VPC:
		return fmt.Sprintf("https://%s.%s.vpc.tablestore.aliyuncs.com", o.Instance, o.Region), nil
	case o.Endpoint == "":
		return fmt.Sprintf("https://%s.%s.ots.aliyuncs.com", o.Instance, o.Region), nil
	}
	host, secure := strings.CutPrefix(o.Endpoint, "https://")
	if secure && tablestoreHost(host, o.Instance, o.Region) {
		return o.Endpoint, nil
	}
	if address, here := strings.CutPrefix(o.Endpoint, "http://"); here {
		if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
			return o.Endpoint, nil
		}
	}
	return "", fmt.Errorf("the Tablestore ledger ots://%s.%s/%s has an endpoint that is not the "+
		"instance's: give https://NAME-%s.%s.vpc.ots.aliyuncs.com, the domain name that the "+
		"instance has in a VPC bound to it as NAME, or none", o.Instance, o.Region,
		o.Table, o.Instance, o.Region)
}

// tablestoreHost reports whether a host is one of the instance's: those that every instance has,
// and in a bound VPC the one that begins with the binding's name (Tablestore documents "Endpoints"
// and "BindInstance2Vpc"). Everywhere else another name in front would be another instance.
func tablestoreHost(host, instance, region string) bool {
	first, rest, _ := strings.Cut(strings.ToLower(host), ".")
	domain, here := strings.CutPrefix(rest, strings.ToLower(region)+".")
	if !here || !tablestoreWord(first, "-", 63) {
		return false
	}
	instance = strings.ToLower(instance)
	switch domain {
	case "vpc.ots.aliyuncs.com":
		name, bound := strings.CutSuffix(first, "-"+instance)
		return first == instance || bound && tablestoreWord(name, "-", 63)
	case "ots.aliyuncs.com", "ots-internal.aliyuncs.com", "tablestore.aliyuncs.com",
		"vpc.tablestore.aliyuncs.com":
		return first == instance
	}
	return false
}

// tablestoreWord reports whether a name consists of letters, digits and one more character, begins
// with none of the digits, and is neither empty nor too long. No such name ends a part of a host. A
// hyphen neither begins nor ends one.
func tablestoreWord(name, more string, longest int) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		other := string(c) == more
		edge := i == 0 || i == len(name)-1
		if !letter && !digit && !other || digit && i == 0 || other && more == "-" && edge {
			return false
		}
	}
	return name != "" && len(name) <= longest
}

// Get implements Store.
func (t *Tablestore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	err := storeKey(key)
	if err != nil {
		return nil, 0, err
	}
	for range tablestoreTries {
		var row tablestoreRow
		if row, err = t.read(ctx, key); err == nil {
			return row.value, row.revision, nil
		}
		if !tablestoreAmbiguous(err) {
			break
		}
	}
	return nil, 0, t.failure(err)
}

// Put implements Store.
//
// The new revision is this machine's time in microseconds, and at least one more than the last: so
// it is still greater when the row had been dropped and is written anew.
//
// A write whose answer was lost is sent once more: its condition lets at most one of the two
// through. If that gives no success either, the row is read back, and the writer in it tells whose
// write it is.
func (t *Tablestore) Put(ctx context.Context, key string, value []byte,
	expected uint64) (uint64, error) {
	expires, err := storeAccepts(key, value)
	if err != nil {
		return 0, err
	}
	row := tablestoreRow{value: value, revision: max(expected+1, uint64(time.Now().UnixMicro())),
		writer: rand.Text(), expires: expires}
	lost := false
	for range tablestoreTries {
		err := t.write(ctx, key, row, expected)
		code := tablestoreCode(err)
		switch {
		case err == nil:
			return row.revision, nil
		case tablestoreAmbiguous(err):
			lost = true
			continue
		case lost:
		case code == tablestoreConditionFailed, code == tablestore.ROW_OPERATION_CONFLICT:
			return 0, ErrConflict
		default:
			return 0, t.failure(err)
		}
		break
	}
	stored, err := t.read(ctx, key)
	if err != nil {
		return 0, t.failure(err)
	}
	if stored.writer == row.writer {
		return stored.revision, nil
	}
	// A write of ours may still arrive, or somebody may have written over it already.
	return 0, t.problem("answers were lost, and the row holds another write: read it again "+
		"before deciding", nil)
}

// List implements Lister. It asks for keys and expiries only, from the prefix on, until a key comes
// that has another one: rows are in the order of their keys. It needs the permission ots:GetRange.
// A row that was written by an older version of this program has no expiry of its own, and is given
// for as long as it is there.
func (t *Tablestore) List(ctx context.Context, prefix string, each func(key string) error) error {
	if err := storePrefix(prefix); err != nil {
		return err
	}
	notNext := t.problem("answered with a page that is not the next one: check the endpoint", nil)
	for from := &prefix; from != nil; {
		rows, next, err := t.page(ctx, *from)
		if err != nil {
			return t.failure(err)
		}
		for i, row := range rows {
			if row.key < *from || i > 0 && row.key <= rows[i-1].key {
				return notNext
			}
			if !strings.HasPrefix(row.key, prefix) {
				return nil // those behind it have not either
			}
			if !row.expires.IsZero() && !time.Now().Before(row.expires) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return t.failure(err)
			}
			if err := each(row.key); err != nil {
				return err
			}
		}
		if next != nil && (*next <= *from || len(rows) > 0 && *next <= rows[len(rows)-1].key) {
			return notNext
		}
		from = next
	}
	return nil
}

// tablestoreListed is a row as List reads it.
type tablestoreListed struct {
	key     string
	expires time.Time // zero: never, or not known
}

// page returns a page of rows from a key on, and where the next one begins, or nil where there is
// none. A page may be empty and have a next one.
func (t *Tablestore) page(ctx context.Context, from string) (rows []tablestoreListed,
	next *string, err error) {
	begin, end := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	if from == "" {
		begin.AddPrimaryKeyColumnWithMinValue(tablestoreKey)
	} else {
		begin.AddPrimaryKeyColumn(tablestoreKey, from)
	}
	end.AddPrimaryKeyColumnWithMaxValue(tablestoreKey)
	criteria := &tablestore.RangeRowQueryCriteria{TableName: t.table, StartPrimaryKey: begin,
		EndPrimaryKey: end, Direction: tablestore.FORWARD, MaxVersion: 1, Limit: tablestorePage,
		// A row of which none of these is there would be left out: every row of ours has a
		// revision.
		ColumnsToGet: []string{tablestoreRevision, tablestoreExpires}}
	var answer *tablestore.GetRangeResponse
	for range tablestoreTries {
		answer, err = tablestoreOnce(ctx, t,
			func(api tablestore.TableStoreApi) (*tablestore.GetRangeResponse, error) {
				return api.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: criteria})
			})
		if err == nil || !tablestoreAmbiguous(err) {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	for _, row := range answer.Rows {
		key, known := tablestoreOnlyKey(row.PrimaryKey)
		if !known {
			return nil, nil, t.problem("the table has other primary keys: it needs one, a STRING "+
				"named key", nil)
		}
		listed := tablestoreListed{key: key}
		for _, column := range row.Columns {
			if at, is := column.Value.(int64); is && column.ColumnName == tablestoreExpires {
				listed.expires = time.UnixMilli(at)
			}
		}
		rows = append(rows, listed)
	}
	if answer.NextStartPrimaryKey == nil {
		return rows, nil, nil
	}
	key, known := tablestoreOnlyKey(answer.NextStartPrimaryKey)
	if !known {
		return nil, nil, t.problem("answered with a page that is not the next one: check the "+
			"endpoint", nil)
	}
	return rows, &key, nil
}

// tablestoreOnlyKey returns the text that a primary key consists of.
func tablestoreOnlyKey(primary *tablestore.PrimaryKey) (key string, known bool) {
	if primary == nil || len(primary.PrimaryKeys) != 1 {
		return "", false
	}
	key, known = primary.PrimaryKeys[0].Value.(string)
	return key, known && primary.PrimaryKeys[0].ColumnName == tablestoreKey
}

// Close implements Store.
func (t *Tablestore) Close() error {
	t.close()
	return nil
}

// tablestoreRow is a row without its key; the zero one stands for none.
type tablestoreRow struct {
	value    []byte
	revision uint64
	writer   string
	expires  time.Time // written only
}

// read reads the row of a key once.
func (t *Tablestore) read(ctx context.Context, key string) (row tablestoreRow, err error) {
	primary := new(tablestore.PrimaryKey)
	primary.AddPrimaryKeyColumn(tablestoreKey, key)
	criteria := &tablestore.SingleRowQueryCriteria{TableName: t.table, PrimaryKey: primary,
		MaxVersion: 1}
	response, err := tablestoreOnce(ctx, t,
		func(api tablestore.TableStoreApi) (*tablestore.GetRowResponse, error) {
			return api.GetRow(&tablestore.GetRowRequest{SingleRowQueryCriteria: criteria})
		})
	if err != nil {
		return tablestoreRow{}, err
	}
	if len(response.PrimaryKey.PrimaryKeys) == 0 {
		return tablestoreRow{}, nil
	}
	for _, column := range response.Columns {
		switch value := column.Value.(type) {
		case string:
			switch column.ColumnName {
			case tablestoreValue:
				row.value = []byte(value)
			case tablestoreWriter:
				row.writer = value
			}
		case int64:
			if column.ColumnName == tablestoreRevision {
				row.revision = uint64(value)
			}
		}
	}
	if row.value == nil || row.revision == 0 {
		return tablestoreRow{}, t.problem(fmt.Sprintf("row %q was not written by this program: "+
			"remove it", key), nil)
	}
	return row, nil
}

// write writes the row of a key once, if its revision is the expected one.
func (t *Tablestore) write(ctx context.Context, key string, row tablestoreRow,
	expected uint64) error {
	change := &tablestore.PutRowChange{TableName: t.table, PrimaryKey: new(tablestore.PrimaryKey)}
	change.PrimaryKey.AddPrimaryKeyColumn(tablestoreKey, key)
	change.AddColumn(tablestoreValue, string(row.value))
	change.AddColumn(tablestoreRevision, int64(row.revision))
	change.AddColumn(tablestoreWriter, row.writer)
	if !row.expires.IsZero() {
		change.AddColumn(tablestoreExpires, row.expires.UnixMilli())
	}
	if expected == 0 {
		change.SetCondition(tablestore.RowExistenceExpectation_EXPECT_NOT_EXIST)
	} else {
		change.SetCondition(tablestore.RowExistenceExpectation_EXPECT_EXIST)
		revision := tablestore.NewSingleColumnCondition(tablestoreRevision,
			tablestore.CT_EQUAL, int64(expected))
		revision.FilterIfMissing = true // a row without the column does not match
		revision.LatestVersionOnly = true
		change.SetColumnCondition(revision)
	}
	_, err := tablestoreOnce(ctx, t,
		func(api tablestore.TableStoreApi) (*tablestore.PutRowResponse, error) {
			return api.PutRow(&tablestore.PutRowRequest{PutRowChange: change})
		})
	return err
}

// tablestoreOnce sends one request, within its share of the limit. The SDK panics on an answer that
// lacks a part it expects; such an answer is an error here.
func tablestoreOnce[R any](ctx context.Context, t *Tablestore,
	send func(tablestore.TableStoreApi) (R, error)) (answer R, err error) {
	if err := ctx.Err(); err != nil {
		return answer, tablestoreNotSent{err}
	}
	ctx, cancel := context.WithTimeout(ctx, t.limit/(tablestoreTries+1))
	defer cancel()
	err = survive(func() (err error) {
		answer, err = send(t.api(ctx))
		return err
	})
	return answer, err
}

// tablestoreNotSent is an error from before a request was sent.
type tablestoreNotSent struct{ error }

func (n tablestoreNotSent) Unwrap() error { return n.error }

// tablestoreTransport carries a call's context, refuses redirects, and caps answers.
type tablestoreTransport struct {
	ctx         context.Context
	connections http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t tablestoreTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.connections.RoundTrip(request.WithContext(t.ctx))
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		response.Body.Close()
		return nil, fmt.Errorf("answered with a redirect (HTTP %d)", response.StatusCode)
	}
	response.Body = http.MaxBytesReader(nil, response.Body, tablestoreBody)
	return response, nil
}

// tablestoreCures says, for the error codes that rule out any effect, what they mean and what helps
// (Tablestore document "Error codes"). Every other code leaves open whether a write took effect.
var tablestoreCures = map[string]string{
	tablestoreConditionFailed:         "the row has another revision",
	tablestore.ROW_OPERATION_CONFLICT: "another request is writing the same row: try again",
	tablestore.SERVER_BUSY:            "is busy: try again",
	tablestore.STORAGE_SERVER_BUSY:    "is busy: try again",
	tablestore.PARTITION_UNAVAILABLE:  "is moving the table's partition: try again",
	tablestore.TABLE_NOT_READY:        "the table was created moments ago: try again in a minute",
	tablestore.NOT_ENOUGH_CAPACITY_UNIT: "the table's reserved throughput is used up: raise it, " +
		"or bill by use",
	tablestore.QUOTA_EXHAUSTED: "a quota is used up: raise it",
	"OTSAuthFailed": "refused the credentials or the network: check that the instance exists in " +
		"this region, its network ACL, that the role is allowed to use it, and this machine's " +
		"clock; a VPC may have to be bound to the instance, and its address be given as " +
		"?endpoint=HOST",
	"OTSNoPermissionAccess": "the role lacks permissions: it needs ots:GetRow and ots:PutRow on " +
		"the table, and to list keys ots:GetRange",
	"OTSObjectNotExist": "the table does not exist: create it with a STRING primary key " +
		"named key, time to live 2592000 or -1",
	"OTSInvalidPK": "the table has other primary keys: it needs one, a STRING named key",
	"OTSParameterInvalid": "refused a parameter: check the table's schema, and that the key " +
		"is not too long",
	"OTSOutOfRowSizeLimit":   "the value is too large for a row",
	"OTSRequestBodyTooLarge": "the value is too large for a request",
	"OTSMethodNotAllowed":    "is no Tablestore endpoint: check it",
}

// tablestoreCode returns the service's error code, or the empty string.
func tablestoreCode(err error) string {
	var answer *tablestore.OtsError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// tablestoreAmbiguous reports whether a request may have taken effect although it ended in err.
func tablestoreAmbiguous(err error) bool {
	var notSent tablestoreNotSent
	var network *net.OpError
	var failure *storeFailure
	switch {
	case err == nil, errors.As(err, &notSent), errors.As(err, &failure):
		return false
	case errors.As(err, &network) && network.Op == "dial":
		return false
	}
	_, known := tablestoreCures[tablestoreCode(err)]
	return !known
}

// failure makes an error of the SDK printable: the cause's text may hold a proxy's page.
func (t *Tablestore) failure(err error) error {
	var failure *storeFailure
	var operation *net.OpError
	var network net.Error
	code := tablestoreCode(err)
	cure, known := tablestoreCures[code]
	switch {
	case errors.As(err, &failure):
		return failure
	case known:
		return t.problem(cure+" ("+code+")", err)
	case code != "":
		return t.problem("failed, and a write may have taken effect: try again ("+code+")", err)
	case errors.Is(err, context.Canceled):
		return t.problem("the call was cancelled", err)
	case errors.As(err, &operation) && operation.Op == "dial" && !operation.Timeout():
		return t.problem("cannot be reached at "+t.host+": check instance, region and network (a "+
			"VPC must be bound to the instance, and its address be given as ?endpoint=HOST)", err)
	case errors.As(err, &network) && network.Timeout():
		return t.problem(fmt.Sprintf("no answer in time (limit %s): check the "+
			"network", t.limit), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return t.problem("the connection broke", err)
	}
	return t.problem("an answer that is not Tablestore's: check the endpoint", err)
}

func (t *Tablestore) problem(text string, cause error) error {
	return &storeFailure{ledger: t.name, problem: text, cause: cause}
}
