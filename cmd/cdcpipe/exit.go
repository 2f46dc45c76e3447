package main

import (
	"context"
	"errors"
	"strings"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
)

// Exit codes, after sysexits.h where it has one.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 64
	exitData        = 65
	exitUnavailable = 69
	exitBug         = 70
	exitTemporary   = 75
	exitPermission  = 77
	exitConfig      = 78
	exitInterrupted = 130
)

// ended gives the ends of a run that are the operator's doing their codes.
func ended(err error) error {
	switch {
	case errors.Is(err, pipeline.ErrAbandoned):
		return fault.Wrap(fault.Abandoned, err)
	case errors.Is(err, pipeline.ErrDrainTimeout):
		return fault.Wrap(fault.DrainTimeout, err)
	}
	return err
}

// exitCode returns the code of the process for err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[*pipeline.PanicError](err); ok {
		return exitBug
	}
	_, problem := errors.AsType[*spec.Problem](err)
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case problem:
		return exitConfig
	}
	switch code := fault.CodeOf(err); code {
	case fault.ConfigUsage:
		return exitUsage
	case fault.NoPermission, fault.SourceDenied, fault.CassandraDenied, fault.RedisDenied:
		return exitPermission
	case fault.TargetDown, fault.TargetBusy, fault.TargetReadOnly, fault.NoDatabase, fault.TargetTooOld, fault.BrokerDown, fault.TopicMissing, fault.OutletDown,
		fault.SchemaUnreached, fault.CassandraDown, fault.RedisDown, fault.RedisRefused, fault.ServerMissing, fault.ServerStart, fault.AddressInUse, fault.DirectoryInUse,
		fault.JavaMissing, fault.MavenMissing, fault.ArtifactMissing, fault.AgentDown, fault.CDCDisabled, fault.WorkerUnreached:
		return exitUnavailable
	case fault.ReplayMalformed, fault.ReplayFile, fault.OffsetLost, fault.TopicRecreated, fault.LetterMissing, fault.LetterRefused, fault.ReplayLimit, fault.LetterChanged:
		return exitData
	case fault.BrokenInvariant:
		return exitBug
	case fault.Abandoned:
		return exitInterrupted
	case fault.DrainTimeout, fault.Incomplete:
		return exitTemporary
	default:
		if strings.HasPrefix(string(code), "CDC-6") || strings.HasPrefix(string(code), "CDC-3") || code == fault.ObjectInTheWay || code == fault.MigrationFailed {
			return exitConfig
		}
		return exitFailure
	}
}
