package ecs

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/function/internal/remedy"
)

// Screenshot reads what the instance's console shows, with GetInstanceScreenshot: the bytes of a
// picture, JPEG or PNG (look at them), less than 1 MiB. ECS shows it of a Running instance only,
// and once in 10 seconds: sooner is Unavailable, with the code Throttling in the note. No key is
// pressed to wake the guest. The picture can show secrets.
func (c *Client) Screenshot(ctx context.Context, region, id string) remedy.Reading[[]byte] {
	request := ecs.CreateGetInstanceScreenshotRequest()
	request.InstanceId = id
	request.WakeUp = requests.NewBoolean(false)
	return c.capture(ctx, region, id, request, "Screenshot")
}

// Console reads the log of the instance's serial console since its last start, with
// GetInstanceConsoleOutput: less than 1 MiB of whatever the guest wrote, without escape sequences
// where ECS strips them. A reboot overwrites it. It has the limits of Screenshot, and there is none
// of Windows. It can hold secrets.
func (c *Client) Console(ctx context.Context, region, id string) remedy.Reading[[]byte] {
	request := ecs.CreateGetInstanceConsoleOutputRequest()
	request.InstanceId = id
	request.RemoveSymbols = requests.NewBoolean(true)
	return c.capture(ctx, region, id, request, "ConsoleOutput")
}

// capture reads the field of an answer that holds the content.
func (c *Client) capture(ctx context.Context, region, id string, request requests.AcsRequest,
	field string) remedy.Reading[[]byte] {
	if !validID(id) {
		return unasked[[]byte](c, request, noID)
	}
	action := request.GetActionName()
	answer, t := c.call(ctx, region, request, c.reads())
	at := c.now()
	if t == nil {
		_, _, t = decode(answer.body, nil)
	}
	if t != nil {
		return failed[[]byte](action, at, answer.date, t)
	}
	value, err := uncover(answer.body, id, field)
	if err != nil {
		return failed[[]byte](action, at, answer.date, garbled(err.Error()))
	}
	return remedy.Reading[[]byte]{At: at, Date: answer.date, Value: value}
}

// uncover decodes what was captured of an instance.
func uncover(body []byte, id, field string) ([]byte, error) {
	var of, content string
	answer, err := parse(body)
	if err == nil {
		err = object(member{"InstanceId", text(&of)}, member{field, text(&content)})(answer)
	}
	switch {
	case err != nil:
		return nil, err
	case of != id:
		return nil, errors.New("an answer about another instance")
	}
	value, err := base64.StdEncoding.DecodeString(content)
	switch {
	case err != nil:
		return nil, errors.New("a content that is not base64")
	case len(value) == 0:
		return nil, errors.New("an answer without a content")
	}
	return value, nil
}
