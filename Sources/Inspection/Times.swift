import Foundation

/// Redis time in milliseconds, for people.
package enum Times {
    /// `2026-11-26T10:00:03.597Z`
    package static func iso(_ milliseconds: Int) -> String {
        let seconds = Date(timeIntervalSince1970: Double(milliseconds / 1_000)).formatted(.iso8601)
        // Of a fraction, which is no whole number of bits, Foundation cuts the end off.
        return "\(seconds.dropLast()).\(String(milliseconds % 1_000 + 1_000).dropFirst())Z"
    }

    /// `350 ms`, `1.4 s`, `41 s`, `3 min`, `6 h`, `5 d`: as much as is of use.
    package static func span(_ milliseconds: Int) -> String {
        switch milliseconds {
        case ..<1_000: "\(milliseconds) ms"
        case ..<10_000 where milliseconds % 1_000 >= 100: "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100) s"
        case ..<120_000: "\(milliseconds / 1_000) s"
        case ..<7_200_000: "\(milliseconds / 60_000) min"
        case ..<172_800_000: "\(milliseconds / 3_600_000) h"
        default: "\(milliseconds / 86_400_000) d"
        }
    }

    /// `400 s`, `2 min`, `7 d`: all of it.
    package static func exact(_ milliseconds: Int) -> String {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")]
        guard milliseconds > 0, let (length, unit) = units.first(where: { milliseconds % $0.0 == 0 }) else {
            return "\(milliseconds) ms"
        }
        return "\(milliseconds / length) \(unit)"
    }

    /// `3 min ago`, or `in 41 s` for what is to come.
    package static func ago(_ milliseconds: Int, now: Int) -> String {
        milliseconds <= now ? "\(span(now - milliseconds)) ago" : "in \(span(milliseconds - now))"
    }

    /// `2026-11-26T10:00:03.597Z (3 min ago)`
    package static func both(_ milliseconds: Int, now: Int) -> String {
        "\(iso(milliseconds)) (\(ago(milliseconds, now: now)))"
    }
}
