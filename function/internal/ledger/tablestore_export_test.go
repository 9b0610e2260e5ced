package ledger

import (
	"context"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// NewTablestoreOver is a Tablestore over anything that speaks the SDK's interface.
func NewTablestoreOver(api tablestore.TableStoreApi, table string,
	limit time.Duration) *Tablestore {
	return &Tablestore{
		api:   func(context.Context) tablestore.TableStoreApi { return api },
		close: func() {},
		name:  "ots://world.cn-hangzhou/" + table,
		host:  "world.cn-hangzhou.ots.aliyuncs.com",
		table: table,
		limit: limit,
	}
}
