package cdc

import (
	"bytes"
	"errors"
	"net/netip"
)

var errInet = errors.New("not an IP address")

// AppendInetText appends the inet that s writes: 4 bytes for IPv4, 16 for IPv6.
// Text before a slash is left out: java.net.InetAddress writes host/address.
func AppendInetText(b, s []byte) ([]byte, error) {
	s = s[bytes.LastIndexByte(s, '/')+1:]
	if len(s) > 45 { // the longest form of an IPv6 address
		return b, errInet
	}
	a, err := netip.ParseAddr(string(s))
	if err != nil || a.Zone() != "" {
		return b, errInet
	}
	return append(b, a.AsSlice()...), nil
}

// Inet returns the address an inet holds.
func (v Value) Inet() (netip.Addr, bool) { return netip.AddrFromSlice(v) }
