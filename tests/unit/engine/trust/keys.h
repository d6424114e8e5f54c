/* A sealed key as cosign writes it, and its public half: made with openssl, Python's scrypt and libsodium
 * (tests/system/trust_keys.py). The passphrase is "secret". */
#pragma once

/* clang-format off */
static const char sealed_key_text[] = "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n"
                           "eyJrZGYiOiB7Im5hbWUiOiAic2NyeXB0IiwgInBhcmFtcyI6IHsiTiI6IDMyNzY4\n"
                           "LCAiciI6IDgsICJwIjogMX0sICJzYWx0IjogIjNKV1hDbFo3L014UEZtQlZ0Zkdp\n"
                           "blJRV1lNbGhRaHp3VWE5YVZ4Nk50TTg9In0sICJjaXBoZXIiOiB7Im5hbWUiOiAi\n"
                           "bmFjbC9zZWNyZXRib3giLCAibm9uY2UiOiAiVmJyblNUNVl1eEMza2lqNzM1UDhI\n"
                           "TG8yQjBPZldPZjEifSwgImNpcGhlcnRleHQiOiAiU2NBWFhvL05aeU5RRUZlRmhx\n"
                           "Umhac0hzbnVwbzVNdUpYZWREWDNQQ3FLRHAyWWd0MjVjMnhwZzZYZ0pjS1ZNRGta\n"
                           "QkhYbkRML3pCdmdKWXlMS29EaGZUUDBUMlgrZEJHT2txcW5LTVczblkyczlBWFUz\n"
                           "YkVOMGtKTW9sOU5rZStoTHpaVk9WRGdIenhIWG9JOWNoSVpDVHNLVTNCVmZVSXpF\n"
                           "bFlCeWh2Qm02ZGtCMzkzSW1XWTVrME1iQyt6VHdqZkhqT0hpdm9Tc1RUQlE9PSJ9\n"
                           "-----END ENCRYPTED COSIGN PRIVATE KEY-----\n";

static const char public_key_text[] = "-----BEGIN PUBLIC KEY-----\n"
                           "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsWbBj9FtZ64JfvlLpHgVa2ijSKdl\n"
                           "/bbKkqNAAZPjsbKASRUsZndT/xIu+LHXpG+J7vdouQJLtNatyRonVJf0+w==\n"
                           "-----END PUBLIC KEY-----\n";
/* clang-format on */
