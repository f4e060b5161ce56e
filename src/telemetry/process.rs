//! Process metrics from the operating system, as Prometheus's own clients export them.
//!
//! Read on demand and formatted here, because the registry's counters hold whole numbers and CPU
//! seconds are fractional.

use std::fmt::Write as _;

use super::metric::{Metric, MetricKind};

/// The metrics of [`Process`].
pub(super) const PROCESS_METRICS: [Metric; 4] = [
    metric(
        "process_cpu_seconds_total",
        MetricKind::Counter,
        "CPU time of the process, user and system",
    ),
    metric(
        "process_resident_memory_bytes",
        MetricKind::Gauge,
        "Memory of the process that is in RAM",
    ),
    metric("process_start_time_seconds", MetricKind::Gauge, "Start of the process in Unix time"),
    metric("process_open_fds", MetricKind::Gauge, "Open file descriptors"),
];

const fn metric(name: &'static str, kind: MetricKind, help: &'static str) -> Metric {
    Metric { name, kind, label: None, help }
}

/// The process at one moment; only Linux reports it.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// User and system time.
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    /// Unix time.
    pub start_seconds: f64,
    pub open_fds: u64,
}

// === impl Process ===

impl Process {
    /// Reads the values from the system; `None` if it does not provide them.
    #[cfg(target_os = "linux")]
    #[expect(clippy::cast_precision_loss, reason = "ticks and seconds are far below 2^53")]
    pub fn read() -> Option<Self> {
        let process = procfs::process::Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let tick = 1.0 / procfs::ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 * tick,
            resident_bytes: stat.rss * procfs::page_size(),
            start_seconds: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 * tick,
            open_fds: process.fd_count().ok()? as u64,
        })
    }

    /// Reads the values from the system; `None` if it does not provide them.
    #[cfg(not(target_os = "linux"))]
    pub fn read() -> Option<Self> {
        None
    }

    /// Appends the metrics in the text format of Prometheus.
    pub(super) fn push_metrics(&self, text: &mut String) {
        #[expect(clippy::cast_precision_loss, reason = "memory and files, far below 2^53")]
        let values = [
            self.cpu_seconds,
            self.resident_bytes as f64,
            self.start_seconds,
            self.open_fds as f64,
        ];
        for (Metric { name, kind, help, .. }, value) in PROCESS_METRICS.iter().zip(values) {
            let kind = if *kind == MetricKind::Counter { "counter" } else { "gauge" };
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "Linux alone tells")]
    fn process_is_this_one() {
        let process = Process::read().expect("Linux tells");
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let now = Clock::System.now_ms() as f64 / 1000.0;
        assert!(process.start_seconds <= now + 1.0, "{process:?}");
        assert!(now - process.start_seconds < 86_400.0, "{process:?}");
        assert!(process.resident_bytes > 1 << 20 && process.open_fds >= 3, "{process:?}");
        assert!(process.cpu_seconds >= 0.0);
    }

    #[test]
    fn metrics_are_shown_with_their_kind() {
        let process = Process {
            cpu_seconds: 1.25,
            resident_bytes: 4096,
            start_seconds: 1_795_176_000.5,
            open_fds: 9,
        };
        let mut text = String::new();
        process.push_metrics(&mut text);
        let shown: Vec<_> = text.lines().filter(|line| line.starts_with("process")).collect();
        assert_eq!(
            shown,
            [
                "process_cpu_seconds_total 1.25",
                "process_resident_memory_bytes 4096",
                "process_start_time_seconds 1795176000.5",
                "process_open_fds 9",
            ]
        );
        assert!(text.contains("# TYPE process_cpu_seconds_total counter\n"));
        assert!(text.contains("# TYPE process_open_fds gauge\n"));
    }
}
