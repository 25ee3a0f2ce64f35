import Testing

@testable import Gateway

@Suite("A PEM of connect.jwt-public-keys")
struct JWTPublicKeyTests {
    @Test("holds a P-256 key for ES256, or one of RSA for RS256")
    func good() {
        guard case .p256? = JWTPublicKey(pem: Self.p256) else {
            Issue.record("no P-256")
            return
        }
        guard case .rsa? = JWTPublicKey(pem: Self.rsa2048) else {
            Issue.record("no RSA")
            return
        }
    }

    @Test(
        "holds nothing else: no short RSA key, no other curve, nothing private, nothing cut off",
        arguments: [
            ("RSA of 1024 bits", rsa1024), ("P-384", p384), ("Ed25519", ed25519), ("a private key", p256Private),
            ("half a key", String(p256.prefix(100))), ("no PEM", "no PEM"), ("nothing", ""),
        ])
    func bad(_ name: String, _ pem: String) {
        if let key = JWTPublicKey(pem: pem) { Issue.record("\(name) is taken for \(key)") }
    }

    private static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOGIGYBD/ekVlju2i7R5JBUkpUNQu
        qyc75jmFS2nMBS7ndpV0+GDgfaIjYike0GILmZ7SXXbgJWBAz07+NbmJdQ==
        -----END PUBLIC KEY-----
        """

    private static let p256Private = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwzxR8OQKRtSnuq0w
        inA1ls5szdyd3Au+Ev04iMLL7zOhRANCAAQ4YgZgEP96RWWO7aLtHkkFSSlQ1C6r
        JzvmOYVLacwFLud2lXT4YOB9oiNiKR7QYguZntJdduAlYEDPTv41uYl1
        -----END PRIVATE KEY-----
        """

    private static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEChT7ShEXf/gwjqMeCvd4f0d7TZUG5pGQ
        0Jhj4RzY08s/yUXrmVTnzoDS8zbDbDHbGQc3wsKolFNdYiz3qJoG8ChsitfkHw10
        HqAW1U3TgR6BRagZCVJSvOVuUstmu5G2
        -----END PUBLIC KEY-----
        """

    private static let ed25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACq30onqonWs6MnQ2mfbxVPrslNzpnGXtgCtEwvWCaRU=
        -----END PUBLIC KEY-----
        """

    private static let rsa1024 = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDSeyqp5LtU7WPhhbfvVpgoy5TW
        PDDvPeSgxQnldw+8wKdy6Eqs84MpLcLDB6WLW6MqLgbl+HdVQaJnKtlBLxZiTdV2
        pkfxZQ29QsPQOUdhY9tNKO3xfn57slyBTJY+p5JAUlFitbA/8w3hQrjDAXIZa/rY
        wNJJt/lkwrgQ/QkO+QIDAQAB
        -----END PUBLIC KEY-----
        """

    private static let rsa2048 = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Yn3AGQVczNrysgys+m6
        JnLCAZtyVJSv/DREguEkKwB6QJ9H7e1fdAcdh1pfIXUbc39rhi8MnGeLKPa+3R4w
        5fcGS89h6LAxsKKNFCnU5mNlT/13cjFLrxocowxwSs6hTAI3BGMlKtXOE74/3nMS
        fMf4uzM8IC6EYXjHIBBIhlllKo+0wA1EXhmp3DfhbGlXznrc5k/k4owWiiTQPqzX
        eNtGIJKbrlFXhxkqUqny5px+IYTFwHOPwbJvD8O9LQAO5YDbkBgkswLRSvWaZrZU
        V25IgrCjlAbohNdU1Etn+nmEzXd8cSPOTwpzdW3yeImGUMoJ/4/zJnKVKG5F9EyI
        kwIDAQAB
        -----END PUBLIC KEY-----
        """
}
