package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// tablestoreWorld is one table of Tablestore, as far as single rows and ranges of them go:
// conditions on a row's existence and on its columns, the limits on sizes, the error codes for what
// it does not accept, and faults before or after the effect. A method of the interface that it does
// not have panics.
type tablestoreWorld struct {
	tablestore.TableStoreApi
	table string
	// pageRows is how many rows a page of a range has at most; the service ends a page where it
	// likes.
	pageRows int
	// fate says what happens to the next request; nil means nothing unusual.
	fate func() tablestoreFault

	mutex    sync.Mutex
	rows     map[string]map[string]any // by primary key, then by column
	versions int64                     // the timestamp of the last cell written
	requests []string                  // what was asked, in order
}

// tablestoreFault is what happens to a request. The zero one lets it through.
type tablestoreFault struct {
	before error  // returned instead of carrying the request out
	after  error  // returned after it was carried out
	then   func() // runs after both, with the world unlocked
}

// tablestoreCode is an error that the service answers.
func tablestoreCode(status int, code string) error {
	return &tablestore.OtsError{Code: code, Message: "a message from the service",
		HttpStatusCode: status}
}

// tablestoreTimeout is what the SDK returns when no answer came in time.
func tablestoreTimeout() error {
	return &url.Error{Op: "Post", URL: "https://world.cn-hangzhou.ots.aliyuncs.com/PutRow",
		Err: context.DeadlineExceeded}
}

// tablestoreUnit is what every request costs here.
var tablestoreUnit = &tablestore.ConsumedCapacityUnit{Read: 1, Write: 1}

func newTablestoreWorld(table string) *tablestoreWorld {
	return &tablestoreWorld{table: table, pageRows: 64, rows: map[string]map[string]any{}}
}

// PutRow replaces a row, or creates it.
func (w *tablestoreWorld) PutRow(
	request *tablestore.PutRowRequest) (*tablestore.PutRowResponse, error) {
	change := request.PutRowChange
	return tablestoreAsk(w, "PutRow", func() (*tablestore.PutRowResponse, error) {
		key, err := w.primaryKey(change.TableName, change.PrimaryKey)
		if err != nil {
			return nil, err
		}
		row := map[string]any{}
		for _, column := range change.Columns {
			if size := tablestoreSize(column.Value); size < 0 || size > 2<<20 {
				return nil, tablestoreCode(400, "OTSParameterInvalid")
			}
			row[column.ColumnName] = column.Value
		}
		if !w.holds(change.Condition, w.rows[key]) {
			return nil, tablestoreCode(403, "OTSConditionCheckFail")
		}
		w.rows[key] = row
		w.versions++
		return &tablestore.PutRowResponse{ConsumedCapacityUnit: tablestoreUnit}, nil
	})
}

// GetRow reads a row; without a row the answer has neither key nor columns.
func (w *tablestoreWorld) GetRow(
	request *tablestore.GetRowRequest) (*tablestore.GetRowResponse, error) {
	criteria := request.SingleRowQueryCriteria
	return tablestoreAsk(w, "GetRow", func() (*tablestore.GetRowResponse, error) {
		key, err := w.primaryKey(criteria.TableName, criteria.PrimaryKey)
		if err != nil {
			return nil, err
		}
		if criteria.MaxVersion == 0 && criteria.TimeRange == nil {
			return nil, tablestoreCode(400, "OTSParameterInvalid")
		}
		response := &tablestore.GetRowResponse{ConsumedCapacityUnit: tablestoreUnit}
		row, found := w.rows[key]
		if !found {
			return response, nil
		}
		response.PrimaryKey = *criteria.PrimaryKey
		for name, value := range row {
			response.Columns = append(response.Columns,
				&tablestore.AttributeColumn{ColumnName: name, Value: value, Timestamp: w.versions})
		}
		return response, nil
	})
}

// GetRange reads a page of rows in the order of their keys. A row that has none of the columns
// asked for is left out, but looked at: a page may be empty and not the last.
func (w *tablestoreWorld) GetRange(
	request *tablestore.GetRangeRequest) (*tablestore.GetRangeResponse, error) {
	criteria := request.RangeRowQueryCriteria
	return tablestoreAsk(w, "GetRange", func() (*tablestore.GetRangeResponse, error) {
		from, err := w.bound(criteria.TableName, criteria.StartPrimaryKey, tablestore.MIN)
		if err != nil {
			return nil, err
		}
		if _, err := w.bound(criteria.TableName, criteria.EndPrimaryKey,
			tablestore.MAX); err != nil {
			return nil, err
		}
		if criteria.MaxVersion == 0 || criteria.Direction != tablestore.FORWARD ||
			len(criteria.ColumnsToGet) > 128 {
			return nil, tablestoreCode(400, "OTSParameterInvalid")
		}
		response := &tablestore.GetRangeResponse{ConsumedCapacityUnit: tablestoreUnit}
		for i, key := range slices.DeleteFunc(slices.Sorted(maps.Keys(w.rows)),
			func(key string) bool { return key < from }) {
			primary := new(tablestore.PrimaryKey)
			primary.AddPrimaryKeyColumn("key", key)
			if i == w.pageRows || i == int(criteria.Limit) {
				response.NextStartPrimaryKey = primary
				break
			}
			row := &tablestore.Row{PrimaryKey: primary}
			for name, value := range w.rows[key] {
				if slices.Contains(criteria.ColumnsToGet, name) {
					row.Columns = append(row.Columns,
						&tablestore.AttributeColumn{ColumnName: name, Value: value,
							Timestamp: w.versions})
				}
			}
			if len(row.Columns) > 0 {
				response.Rows = append(response.Rows, row)
			}
		}
		return response, nil
	})
}

// bound returns one end of a range: a key, or the empty text for what is before, or behind, all of
// them.
func (w *tablestoreWorld) bound(table string, key *tablestore.PrimaryKey,
	all tablestore.PrimaryKeyOption) (string, error) {
	if len(key.PrimaryKeys) == 1 && key.PrimaryKeys[0].PrimaryKeyOption == all {
		key = &tablestore.PrimaryKey{PrimaryKeys: []*tablestore.PrimaryKeyColumn{
			{ColumnName: key.PrimaryKeys[0].ColumnName, Value: ""}}}
	}
	return w.primaryKey(table, key)
}

// tablestoreAsk carries one request out, alone, and lets its fate befall it.
func tablestoreAsk[R any](w *tablestoreWorld, name string,
	carryOut func() (R, error)) (answer R, err error) {
	w.mutex.Lock()
	w.requests = append(w.requests, name)
	var fault tablestoreFault
	if w.fate != nil {
		fault = w.fate()
	}
	if err = fault.before; err == nil {
		answer, err = carryOut()
		if fault.after != nil {
			err = fault.after
		}
	}
	w.mutex.Unlock()
	if fault.then != nil {
		fault.then()
	}
	return answer, err
}

func (w *tablestoreWorld) primaryKey(table string, key *tablestore.PrimaryKey) (string, error) {
	if table != w.table {
		return "", tablestoreCode(404, "OTSObjectNotExist")
	}
	if len(key.PrimaryKeys) != 1 || key.PrimaryKeys[0].ColumnName != "key" {
		return "", tablestoreCode(400, "OTSInvalidPK")
	}
	text, isString := key.PrimaryKeys[0].Value.(string)
	if !isString {
		return "", tablestoreCode(400, "OTSInvalidPK")
	}
	if len(text) > 1024 || !utf8.ValidString(text) {
		return "", tablestoreCode(400, "OTSParameterInvalid")
	}
	return text, nil
}

// holds reports whether a write's condition holds for a row, or for its absence (nil).
func (w *tablestoreWorld) holds(condition *tablestore.RowCondition, row map[string]any) bool {
	switch condition.RowExistenceExpectation {
	case tablestore.RowExistenceExpectation_EXPECT_EXIST:
		if row == nil {
			return false
		}
	case tablestore.RowExistenceExpectation_EXPECT_NOT_EXIST:
		if row != nil {
			return false
		}
	}
	switch column := condition.ColumnCondition.(type) {
	case nil:
		return true
	case *tablestore.SingleColumnCondition:
		value, found := row[*column.ColumnName]
		if !found {
			return !column.FilterIfMissing
		}
		if *column.Comparator == tablestore.CT_EQUAL {
			return value == column.ColumnValue
		}
	}
	panic(fmt.Sprintf("a condition that this world does not know: %#v", condition.ColumnCondition))
}

// tablestoreSize is the size of a column's value in bytes, or -1 for a type that no column has.
func tablestoreSize(value any) int {
	switch value := value.(type) {
	case string:
		return len(value)
	case []byte:
		return len(value)
	case int64, float64, bool:
		return 8
	}
	return -1
}

// tablestoreLimit is long enough for a loopback connection on a busy machine.
const tablestoreLimit = 6 * time.Second
