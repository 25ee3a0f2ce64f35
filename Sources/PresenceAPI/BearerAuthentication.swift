import Crypto
import NIOHTTP1

/// Lets only callers in that show one of the keys; everybody when there are none.
///
/// Digests are compared, in constant time and always all of them: how long a refusal takes tells
/// nothing about the keys.
struct BearerAuthentication: Sendable {
    private let digests: [SHA256.Digest]

    init(keys: [String]) {
        digests = keys.map(Self.digest)
    }

    func accepts(_ headers: HTTPHeaders) -> Bool {
        if digests.isEmpty { return true }
        let values = headers["authorization"]
        guard values.count == 1 else { return false }
        let parts = values[0].split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        let shown = Self.digest(parts[1])
        return digests.count { $0 == shown } > 0
    }

    private static func digest(_ key: some StringProtocol) -> SHA256.Digest {
        SHA256.hash(data: Array(key.utf8))
    }
}
