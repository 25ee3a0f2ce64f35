import Foundation
import NIOCore
import Synchronization

/// The field `Date`, written anew once a second.
final class HTTPDate: Sendable {
    private struct Written {
        var second: time_t = 0
        var field = ByteBuffer()
    }

    private let written = Mutex(Written())

    var field: ByteBuffer {
        let second = time(nil)
        return written.withLock { written in
            if written.second != second { written = Written(second: second, field: Self.field(at: second)) }
            return written.field
        }
    }

    /// As RFC 9110, section 5.6.7, has it: `Date: Sun, 06 Nov 1994 08:49:37 GMT`.
    static func field(at second: time_t) -> ByteBuffer {
        var (second, parts) = (second, tm())
        gmtime_r(&second, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
        let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return ByteBuffer(string: "Date: \(day) \(1900 + parts.tm_year) \(time) GMT\r\n")
    }
}
