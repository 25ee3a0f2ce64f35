import PresenceCore
import RedisClient

/// A configuration beside the one that counts.
extension ConfigurationSources {
    /// The most of a file that is compared: a bundle of certificates is smaller.
    private static let fileBytesMax = 4 << 20

    /// The keys that have another value there. A login of Redis that stands in a file is none: every connection reads
    /// it anew.
    func differences(to other: ConfigurationSources) throws(StartError) -> [ConfigurationKey] {
        let names = Set(platformNames).union(other.platformNames).sorted()
        var keys: [ConfigurationKey] = []
        for key in ConfigurationKey.all + names.flatMap({ ConfigurationKey.platform($0).all }) {
            if try list(key) == other.list(key) { continue }
            if key.name == ConfigurationKey.redisURL.name, try isRedisReadAnew(by: other) { continue }
            keys.append(key)
        }
        return keys
    }

    private func isRedisReadAnew(by other: ConfigurationSources) throws(StartError) -> Bool {
        guard redisAnew() != nil, other.redisAnew() != nil, let mine = try redis(), let its = try other.redis() else {
            return false
        }
        return mine.isLike(its)
    }

    /// What stands in the files that keys which may change name: they may change without the key. By the key's name.
    func reloadedFiles() -> [String: [String?]] {
        let keys: [ConfigurationKey] = [.callbackCAFile, .connectJWTPublicKeys]
        return keys.reduce(into: [:]) { files, key in
            files[key.name] = (try? list(key))?.map { try? TextFile.read($0, bytesMax: Self.fileBytesMax) }
        }
    }
}
