import Crypto
import PresenceCore

/// The rules all workers on one Redis must share, by the names of their configuration keys, as they stand in
/// `presence:rules`. No secrets, and nothing that rotates.
package struct SharedRules: Sendable, Equatable {
    /// The first 12 hexadecimal digits of the SHA-256 of the rules.
    package typealias Digest = String

    /// Name and value, without `callback`.
    package let values: [String: String]
    /// Whether changes are posted to somebody.
    package var hasReceiver: Bool

    package init(_ values: [String: String], hasReceiver: Bool) {
        self.values = values
        self.hasReceiver = hasReceiver
    }

    /// Of all but the receiver: workers whose digests are the same end the same sessions at the same times.
    package var digest: Digest {
        let text = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
        return SHA256.hash(data: Array(text.utf8)).prefix(6)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The rules that stand in Redis.
    package struct Adopted: Sendable, Equatable {
        package let rules: SharedRules
        /// As it stands there; rules somebody wrote by hand have another than theirs.
        package let digest: Digest

        package init(rules: SharedRules, digest: Digest) {
            self.rules = rules
            self.digest = digest
        }

        /// nil if none stand.
        init?(_ fields: [String: String]) {
            guard let digest = fields["digest"] else { return nil }
            self.digest = digest
            rules = SharedRules(
                fields.filter { !["digest", "callback"].contains($0.key) }, hasReceiver: fields["callback"] == "yes")
        }
    }

    /// What of these rules differs from others: `login.policy is dual, adopted is single`.
    package func differences(from adopted: SharedRules) -> [String] {
        var all = Set(values.keys).union(adopted.values.keys).sorted().compactMap { name -> String? in
            let (own, other) = (values[name] ?? "not set", adopted.values[name] ?? "not set")
            return own == other ? nil : "\(name) is \(own), adopted is \(other)"
        }
        if hasReceiver != adopted.hasReceiver {
            all.append("callback.url is \(hasReceiver ? "set" : "not set"), adopted is \(adopted.word)")
        }
        return all
    }

    private var word: String { hasReceiver ? "yes" : "no" }

    /// As field and value, in the order of the names.
    var fields: [String] {
        let all = values.merging(["digest": digest, "callback": word]) { $1 }
        return all.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }
}

extension StoreOptions {
    /// The rules of these options.
    package func rules(hasReceiver: Bool) -> SharedRules {
        var values = [
            "login.policy": limits.policy.rawValue, "login.on-limit": limits.onLimit.rawValue,
            "login.limits": limits.instances.sorted { $0.key.name < $1.key.name }.map { "\($0.key)=\($0.value)" }
                .joined(separator: ","),
            "push.retention-ms": String(pushRetentionMs), "offline.retention-ms": String(offlineRetentionMs),
            "events.retention-ms": String(eventsRetentionMs), "events.backlog-max": String(eventsBacklogMax),
            "outage.gap-ms": String(outageGapMs), "app.usersig-max-age-ms": String(userSigAgeMaxMs),
        ]
        for (platform, traits) in platforms.traits {
            values["platforms.\(platform)"] =
                "class=\(traits.platformClass.rawValue) interval-ms=\(traits.heartbeat.intervalMs) "
                + "timeout-ms=\(traits.heartbeat.timeoutMs) push=\(traits.hasPush) counts-as=\(traits.countsAs)"
        }
        return SharedRules(values, hasReceiver: hasReceiver)
    }
}
