// Command tell tells a story by the AWS SDK for Go: it reads steps on stdin, makes each call at the
// endpoint that is given, and prints what each gave, one JSON value a line. Nothing but the endpoint
// is configured, so the retries are those that everybody has.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/smithy-go"
)

type step struct {
	Service string
	Call    string
	With    json.RawMessage
	Times   int
}

type outcome struct {
	Gave    interface{} `json:"gave,omitempty"`
	Error   string      `json:"error,omitempty"`
	Message string      `json:"message,omitempty"`
}

// call makes the call that is named, with the input that the JSON describes.
func call(client interface{}, told step, n int) outcome {
	method := reflect.ValueOf(client).MethodByName(told.Call)
	if !method.IsValid() {
		panic("the SDK has no " + told.Call)
	}
	input := reflect.New(method.Type().In(1).Elem())
	text := strings.NewReader(strings.ReplaceAll(string(told.With), "{n}", strconv.Itoa(n)))
	with := json.NewDecoder(text)
	with.DisallowUnknownFields()
	if err := with.Decode(input.Interface()); err != nil {
		panic(told.Call + ": " + err.Error())
	}
	returned := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
	err, _ := returned[1].Interface().(error)
	if err == nil {
		return outcome{Gave: returned[0].Interface()}
	}
	var known smithy.APIError
	if errors.As(err, &known) {
		return outcome{Error: known.ErrorCode(), Message: err.Error()}
	}
	return outcome{Error: "none", Message: err.Error()}
}

func main() {
	url, region := os.Args[1], os.Getenv("AWS_REGION")
	keys := aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(
		os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""))
	clients := map[string]interface{}{
		"ses": ses.New(ses.Options{
			Region: region, Credentials: keys, EndpointResolver: ses.EndpointResolverFromURL(url)}),
		"sesv2": sesv2.New(sesv2.Options{
			Region: region, Credentials: keys, EndpointResolver: sesv2.EndpointResolverFromURL(url)}),
	}
	var story []step
	if err := json.NewDecoder(os.Stdin).Decode(&story); err != nil {
		panic(err)
	}
	for _, told := range story {
		if told.Service == "" {
			told.Service = "sesv2"
		}
		if told.Times == 0 {
			told.Times = 1
		}
		outcomes := make([]outcome, told.Times)
		var calls sync.WaitGroup
		for n := range outcomes {
			calls.Add(1)
			go func(n int) {
				defer calls.Done()
				outcomes[n] = call(clients[told.Service], told, n)
			}(n)
		}
		calls.Wait()
		if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
			panic(err)
		}
	}
}
