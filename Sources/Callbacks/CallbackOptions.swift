// Callbacks: the HTTP way out, one attempt at a time.
//
// Promises: the body and the query of a change are the same bytes on every attempt, only the proofs of
// origin (`Sign`, `webhook-signature`) carry the time of the attempt; an attempt ends within its timeout
// and says whether to go on, to try again or to give up; a redirect is never followed, and of an answer
// only its status and `Retry-After` count, as soon as they are there: its body holds up nothing.
// Does not: retry, keep order, remember what was delivered. That is the work of who calls it.

import PresenceCore

/// Where changes are posted to and how the receiver can tell that they come from here.
package struct CallbackOptions: Sendable {
    package static let timeoutMsDefault = 2_000

    /// Where to; see `CallbackURL` for what is accepted.
    package var url: CallbackURL
    /// The longest one attempt waits for the receiver's status line, in milliseconds.
    package var timeoutMs: Int
    /// `SdkAppid` in the query; 0 for an app that has none.
    package var sdkAppID: Int
    /// With a token every attempt carries `Sign` and `RequestTime`.
    package var signToken: String?
    /// With secrets every attempt carries the Standard Webhooks headers, signed with each of them.
    package var webhookSecrets: [WebhookSecret]
    /// Which of the reasons `kicked` and `expired`, unknown to the system this callback is compatible with,
    /// are sent. A change left out counts as delivered.
    package var extensions: Set<Reason>
    /// Whose certificate an https receiver must show.
    package var trusted: TrustedCertificates

    package init(
        url: CallbackURL, timeoutMs: Int = CallbackOptions.timeoutMsDefault, sdkAppID: Int = 0,
        signToken: String? = nil, webhookSecrets: [WebhookSecret] = [], extensions: Set<Reason> = [.kicked, .expired],
        trusted: TrustedCertificates = .system
    ) {
        self.url = url
        self.timeoutMs = timeoutMs
        self.sdkAppID = sdkAppID
        self.signToken = signToken
        self.webhookSecrets = webhookSecrets
        self.extensions = extensions
        self.trusted = trusted
    }

    /// Whether the receiver wants to hear of changes with this reason.
    func wants(_ reason: Reason) -> Bool {
        switch reason {
        case .kicked, .expired: extensions.contains(reason)
        case .register, .unregister, .linkClose, .timeOut: true
        }
    }
}
