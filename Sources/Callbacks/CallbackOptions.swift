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
    package var proofs: CallbackProofs
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
        proofs = CallbackProofs(signToken: signToken, webhookSecrets: webhookSecrets)
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

/// How the receiver can tell that a change comes from here.
package struct CallbackProofs: Sendable {
    /// With a token every attempt carries `Sign` and `RequestTime`.
    package var signToken: String?
    /// With secrets every attempt carries the Standard Webhooks headers, signed with each of them.
    package var webhookSecrets: [WebhookSecret]

    package init(signToken: String? = nil, webhookSecrets: [WebhookSecret] = []) {
        self.signToken = signToken
        self.webhookSecrets = webhookSecrets
    }
}
