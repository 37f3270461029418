package store

import (
	"context"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dialer opens connections on which a database that has vanished is noticed. Otherwise what was sent to it would be repeated for a
// quarter of an hour, and whoever waits for the reply with it.
type dialer struct{}

const silentAtMost = 10 * time.Second

func (dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silentAtMost, Interval: silentAtMost / 5, Count: 3},
		Control: func(network, _ string, c syscall.RawConn) (err error) {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			failed := c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silentAtMost/time.Millisecond))
			})
			return firstError(failed, err)
		},
	}
	return d.DialContext(ctx, network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}
