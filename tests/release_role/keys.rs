//! Who signs, and who uses the key of the bucket for releases.

use rehearsal::{Account, suite};
use serde_json::json;

use super::calls::{Call, VIA_S3};
use super::deployed::{Deployed, caller};
use super::{FUNCTION, OWN_ROLE, administrator, code};
use crate::fixture;
use crate::policy::{Caller, Policies};

/// True-when: nobody signs but the function, whatever policies allow everybody else.
#[test]
fn the_copiers_role_alone_signs() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    let tooling = world.rehearsal.tooling();
    let all = |role: &str| Caller::role(role, Policies::everything());
    let of = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let home = tooling.id();
    let sign = Call {
        action: "kms:Sign",
        resource: deployed.signing.clone(),
        context: Vec::new(),
        why: "the envelope",
    };
    for (who, caller, signs) in [
        ("the function", caller(&tooling, OWN_ROLE), true),
        ("the account's root", Caller::root(home), false),
        ("an administrator", all(&of(home, "administrator")), false),
        (
            "one of a longer name",
            all(&of(home, "redbutton-artifact-copier-2")),
            false,
        ),
        (
            "one of another path",
            all(&of(home, "path/redbutton-artifact-copier")),
            false,
        ),
        ("another function", all(&of(home, suite::PREVIEW)), false),
        (
            "the name in another account",
            all(&of(suite::PRODUCTION_ACCOUNT, "redbutton-artifact-copier")),
            false,
        ),
        ("the role there", all(suite::RELEASE_ROLE), false),
    ] {
        assert_eq!(deployed.let_pass(&caller, &sign), signs, "{who}");
    }

    // The emulator enforces it, too, except of the account's root, which it stops nowhere.
    let admin = administrator(&tooling, "administrator");
    for (who, session, signs) in [
        (FUNCTION, &super::copier(&world), true),
        ("admin", &admin, false),
    ] {
        let signed = signed(session, &deployed.signing);
        assert_eq!(signed.is_ok(), signs, "{who}");
        if let Err(error) = signed {
            assert_eq!(code(&error), "AccessDenied", "{who}");
        }
    }
    // Whoever may look at the key may have its public half.
    let body = json!({"KeyId": deployed.signing});
    let public = admin
        .json("kms", "TrentService.GetPublicKey", body)
        .unwrap();
    assert_eq!(public["KeySpec"], "ECC_NIST_P256");
    assert_eq!(public["SigningAlgorithms"], json!(["ECDSA_SHA_256"]));
}

fn signed(session: &Account, key: &str) -> anyhow::Result<()> {
    let body = json!({
        "KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256", "MessageType": "DIGEST",
        // 32 bytes, as a digest has.
        "Message": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    });
    let answer = session.json("kms", "TrentService.Sign", body)?;
    assert!(answer["Signature"].is_string(), "{answer}");
    Ok(())
}

/// CONTRACTS 3.7.5: the bucket's key by way of S3, in its own region; S3's checks are not the emulator's.
// rules: 3.7.5
#[test]
fn the_buckets_key_is_used_by_way_of_s3_only() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    let release = caller(&world.suite.production, suite::RELEASE_ROLE);
    let elsewhere = ("kms:ViaService", "s3.us-east-1.amazonaws.com");
    let another = (
        "kms:ViaService",
        "secretsmanager.ap-southeast-2.amazonaws.com",
    );
    for (action, context, passes) in [
        ("kms:GenerateDataKey", vec![VIA_S3], true),
        ("kms:Decrypt", vec![VIA_S3], true),
        ("kms:Decrypt", vec![], false),
        ("kms:Decrypt", vec![elsewhere], false),
        ("kms:Decrypt", vec![another], false),
        ("kms:Encrypt", vec![VIA_S3], false),
        ("kms:ScheduleKeyDeletion", vec![], false),
        ("kms:CreateGrant", vec![VIA_S3], false),
    ] {
        let told = format!("{action} {context:?}");
        let call = Call {
            action,
            resource: deployed.key.clone(),
            context,
            why: "",
        };
        assert_eq!(deployed.let_pass(&release, &call), passes, "{told}");
    }
    // What the emulator does check is a call of one's own.
    let body = json!({"KeyId": deployed.key, "KeySpec": "AES_256"});
    let made = super::release(&world).json("kms", "TrentService.GenerateDataKey", body);
    assert_eq!(code(&made.unwrap_err()), "AccessDenied");
}
