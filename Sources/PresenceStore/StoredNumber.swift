/// Numbers that stand in Redis, where people can write any by hand: what is read of them can be added to and taken from
/// another, and shown as a time, without an overflow.
package enum StoredNumber {
    /// As a time in milliseconds, the year 144 683.
    package static let most = 1 << 52

    /// A time, or a span, in milliseconds; nil for what is no number.
    package static func time(_ text: String?) -> Int? { count(text).map { max(0, $0) } }

    /// How many of something; nil for what is no number.
    package static func count(_ text: String?) -> Int? {
        guard let text, let number = Double(text), !number.isNaN else { return nil }
        return Int(min(max(number, -Double(most)), Double(most)).rounded())
    }

    /// What PTTL says; that a key is not there (-2) or has no end (-1) stays as it is.
    package static func left(_ pttl: Int64) -> Int { Int(min(pttl, Int64(most))) }
}
