/// From where on a figure of `presence check` is a warning, or critical. nil never is.
package struct CheckThresholds: Sendable, Equatable {
    package struct Limits: Sendable, Equatable {
        package var warning: Int?
        package var critical: Int?

        package init(_ warning: Int?, _ critical: Int?) { (self.warning, self.critical) = (warning, critical) }

        func level(of figure: Int) -> CheckReport.Level {
            if let critical, figure >= critical { return .critical }
            if let warning, figure >= warning { return .warning }
            return .ok
        }
    }

    /// Fewer live workers than this are critical.
    package var workersMin = 1
    /// Since the least lately swept shard was; a healthy one writes it down every three seconds.
    package var sweepAgeMs = Limits(8_000, 15_000)
    /// How overdue the most overdue user is: up to 2 s are promised, beside how long this look takes.
    package var lagMs = Limits(5_000, 60_000)
    package var backlog = Limits(10_000, 500_000)
    package var backlogAgeMs = Limits(30_000, 600_000)
    /// How full the fullest shard is of what it takes, in percent: at 100 its users' logins are refused.
    package var backlogFull = Limits(50, 100)
    package var dead = Limits(1, nil)
    package var aside = Limits(1, nil)
    /// Shards in a grace period.
    package var graces = Limits(1, nil)
    /// Live workers whose rules are not the adopted ones.
    package var otherRules = Limits(1, nil)

    package init() {}
}
