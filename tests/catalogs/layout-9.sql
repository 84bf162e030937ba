-- The catalog of Kith 0.1.0 with layout 9 (commit 727f5ec), of four photos of tests/photos in the folder
-- {photos}: person 1 is Eileen, 2 Joe, 3 Barack, and face 4 is not Barack.
PRAGMA application_id = 1263096904;
PRAGMA user_version = 9;
BEGIN;
CREATE TABLE folders (
        path BLOB PRIMARY KEY NOT NULL
    ) STRICT, WITHOUT ROWID;
CREATE TABLE photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,          -- bytes as the system gives them
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,       -- since 1970, UTC
        model TEXT,                         -- which networks read it
        content BLOB,                       -- BLAKE3 of the file; null when it could not be read
        width INTEGER NOT NULL DEFAULT 0,   -- upright, of the file
        height INTEGER NOT NULL DEFAULT 0,
        taken_at TEXT,                      -- local time, ISO 8601, from the header
        latitude REAL,
        longitude REAL,
        camera TEXT,
        failed TEXT,                        -- why it could not be read; null when it could
        gone INTEGER NOT NULL DEFAULT 0
    , why TEXT) STRICT;
CREATE TABLE faces (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo INTEGER NOT NULL REFERENCES photos (id),
        x REAL NOT NULL,                    -- fractions of the upright photo
        y REAL NOT NULL,
        w REAL NOT NULL,
        h REAL NOT NULL,
        landmarks BLOB NOT NULL,            -- five (x, y) as f32, little endian, fractions of the upright photo
        score REAL NOT NULL,
        quality REAL NOT NULL,
        model TEXT NOT NULL,                -- which networks made it
        code BLOB NOT NULL,                 -- 128 bytes
        gone INTEGER NOT NULL DEFAULT 0
    , drawn INTEGER NOT NULL DEFAULT 0, map INTEGER REFERENCES maps (id)) STRICT;
CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,             -- since 1970, UTC
        decision TEXT NOT NULL              -- JSON of people::Decision
    ) STRICT;
CREATE TABLE placements (
        face INTEGER PRIMARY KEY REFERENCES faces (id),
        person INTEGER,
        state TEXT NOT NULL
    ) STRICT;
CREATE TABLE questions (
        asked INTEGER PRIMARY KEY,          -- the group
        person INTEGER NOT NULL,            -- the person it may be
        chance REAL NOT NULL,               -- see people::Question
        rival REAL                          -- see people::Question
    ) STRICT;
CREATE TABLE learned (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,             -- since 1970, UTC
        model TEXT NOT NULL,                -- whose embeddings it is for
        trial TEXT NOT NULL,                -- JSON of people::Trial
        head BLOB NOT NULL,                 -- see kith_models::training::Head::to_bytes
        used INTEGER NOT NULL DEFAULT 0     -- 1 for the one that is in use
    ) STRICT;
CREATE TABLE networks (
        name TEXT PRIMARY KEY NOT NULL COLLATE NOCASE,  -- that of the file; some systems know no case
        numbers INTEGER NOT NULL,                       -- of an embedding
        sha256 TEXT NOT NULL UNIQUE                     -- of the file, hexadecimal
    ) STRICT;
CREATE TABLE maps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        network TEXT NOT NULL COLLATE NOCASE REFERENCES networks (name) ON DELETE CASCADE,
        space TEXT NOT NULL,                -- the network whose embeddings it leads to
        map BLOB NOT NULL,                  -- see kith_models::training::Harmonic::to_bytes
        used INTEGER NOT NULL DEFAULT 0     -- 1 for the one that is in use
    ) STRICT;
CREATE TABLE embeddings (
        face INTEGER PRIMARY KEY REFERENCES faces (id),
        code BLOB NOT NULL                  -- 128 bytes
    ) STRICT;
CREATE TABLE looks (
        content BLOB PRIMARY KEY,           -- BLAKE3 of the file, as in photos
        look BLOB NOT NULL                  -- see alike::Look
    ) STRICT, WITHOUT ROWID;
CREATE TABLE stacks (
        photo INTEGER PRIMARY KEY,
        stack INTEGER NOT NULL              -- its first photo
    ) STRICT;
CREATE TABLE derived (
        source INTEGER NOT NULL             -- see people::derive; no row where that is not known
    ) STRICT;
INSERT INTO folders VALUES (CAST('{photos}' AS BLOB));
INSERT INTO photos VALUES (1, CAST('{photos}/astronaut.png' AS BLOB), 791555, 1796057710799312153, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'3efa957baa905b85310439f01b18cf05456bbf255a1a5ecba224797d275142d8', 512, 512, NULL, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO photos VALUES (2, CAST('{photos}/biden.jpg' AS BLOB), 353723, 1796057710798172554, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'b77128478c9ef7765d0fd9370cb82e401afc1e86266e109dd7e769cb9f58eaf1', 970, 2204, '2010-05-10T10:04:01', NULL, NULL, 'Canon EOS 5D Mark II', NULL, 0, NULL);
INSERT INTO photos VALUES (3, CAST('{photos}/obama.jpg' AS BLOB), 279922, 1796057710791312154, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'59826d0253ac44372e0c9eecb3d8adc2d793f9bed92b77bb678ffe2c5f183b5d', 910, 1137, '2012-12-06T15:46:01', NULL, NULL, 'Canon EOS 5D Mark III', NULL, 0, NULL);
INSERT INTO photos VALUES (4, CAST('{photos}/obama2.jpg' AS BLOB), 184455, 1796057710795953737, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'134c459f723445dd004ab4eea2e0b61f794523decc7cd5bff627a691b317a5c1', 626, 1200, '2009-09-09T20:27:09', NULL, NULL, 'Canon EOS 5D Mark II', NULL, 0, NULL);
INSERT INTO faces VALUES (1, 1, 0.3508467674255371, 0.12683701515197754, 0.17192918062210083, 0.21967333555221558, x'f846ce3eb3074d3e4c6ff73e4b1f543e1ab6df3eeb937b3e84a1cc3e9afe8e3e709aef3ed6b1913e', 0.8571110367774963, 0.8444287180900574, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'd0e016fbf8042dfee60403ece516ff201ceef2eaf9f0d30ef61d2102e2181a1d091a01f2f4150602f5e9fdedfcdffb02f1e025dd0cf112f026f3fce2d121031201dd060cfb241cee080eef1bf4fe07080dfecae3ff2a201fe01d17f9140c04fa2824271ff2e4faf70adfdcf6fa0fe2ec10f9e0e00a0efffefe12f9040d23fcfa', 0, 0, NULL);
INSERT INTO faces VALUES (2, 2, 0.434641033411026, 0.07421434670686722, 0.2969611883163452, 0.1824413388967514, x'06e90c3fa26a183eafe62e3ffedc203eaf0d1e3fc334403eebe3083fa4cf583ea5f6243fa0e65f3e', 0.8614097237586975, 0.7686489224433899, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'ff0fd20211dffa0cf0eadc100a041307eef0201aee1ad50bcbe4fc0d12020e022208cce21de804eae418e4e0f2ede90ffef60514d60f0102fe0e0b08e91d0024f424260efaec01dd121df92fe4f9fce0f431db03f6eef321e608110b0bf1e2eaf2f41414d1f101fd1ae20b07fb08f1dfeb01f909fc03fe26e927f0002500f8e8', 0, 0, NULL);
INSERT INTO faces VALUES (3, 3, 0.41147416830062866, 0.07732373476028442, 0.2664854824542999, 0.297495573759079, x'2c78f63e350b3d3e31171c3fd9d53b3e71300d3fc75d753e4a5afa3effb0923e059c193f4925923e', 0.9332234263420105, 0.8853299021720886, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'f61706ead004f001df03012f02f0001511f315dafeecf417ead9e612f0e1fbec120dfaf206f51bf4fffee5fd17f5160514f9fa0bfcec153cf100151a05e11edc07e4fdf9cff3f810fbed22dee21a07ed08dce1e5e91bdbfc06e905fb11f42eedfbe9121f0f200702fcecebfdd104e62005f8deef0d07de1acaea2b06fa1f0cfa', 0, 0, NULL);
INSERT INTO faces VALUES (4, 4, 0.33734190464019775, 0.18863773345947266, 0.42866334319114685, 0.3515980541706085, x'cc60cb3e9d069e3ede2c193ff2b6a03ed1a9e83e0ea6c13e472acb3eefd4df3e0421113fc657e13e', 0.8911694288253784, 0.7639989852905273, 'centerface-1+facenet-irv1-128-1+looks-3-views-2-quality-2', x'111bf4e8dc0ce905f6070422f8f5ee1a20f20ede04f90703ecdcf807eeebeef5100f02fc08052501f9eadde313f202000aeefd0bfaf8202df3f718f9fcde2bdb09e201fac7e1ee16f8f125e8e21317d10df0ddeae119d2f707f2fd001cf325ed08ef121e0c18f806fe00e705d102fb2307f1e7f1f904ea15c0f721faf8350bec', 0, 0, NULL);
INSERT INTO decisions VALUES (1, 1796057713232, '{"kind":"name","person":1,"name":"Eileen","faces":[1]}');
INSERT INTO decisions VALUES (2, 1796057713264, '{"kind":"name","person":2,"name":"Joe","faces":[2]}');
INSERT INTO decisions VALUES (3, 1796057720748, '{"kind":"name","person":3,"name":"Barack","faces":[3,4]}');
INSERT INTO decisions VALUES (4, 1796057720772, '{"kind":"reject","person":3,"faces":[4],"others":[]}');
INSERT INTO placements VALUES (1, 1, 'confirmed');
INSERT INTO placements VALUES (2, 2, 'confirmed');
INSERT INTO placements VALUES (3, 3, 'confirmed');
INSERT INTO placements VALUES (4, 4, 'automatic');
INSERT INTO questions VALUES (4, 1, 0.30000000000000004, 0.30000000000000004);
INSERT INTO looks VALUES (x'134c459f723445dd004ab4eea2e0b61f794523decc7cd5bff627a691b317a5c1', x'1c1f216b371c201e34a3a4a5864340413d842520223c882536b0b3b3893b3f402522266e3c222931324b587180443e43253a25352a31a1b8b0a28f6336393f453a78291f245b779f8e8087703e353f3336488184879da6ad97917d7c4e5341541c2e6396bc956e5c5c786a62746c568a1c22211f4792796f64614b7c88586171232216192555cb714c5aa293252c2b4c2f2220232754a32d35dadb281e1d1c1f242323242665b53265f36f23391f1d1f242524252475865974cb2323271c201f21242323213c7a6670471e1d1718181a181b1b1a1b1b695d3810180d0c0c11102d2e2d2c2b29423c282223212222242124252323222221211d1d1b1b1a1c1e1e');
INSERT INTO looks VALUES (x'3efa957baa905b85310439f01b18cf05456bbf255a1a5ecba224797d275142d8', x'378baeb0b9c1a7b1bcc3c5cf8c6aa1852853b1b3bb8870915fb8c7c89468ac972731aeb1a2649d903794c6c1737eb0a52e5faeb4b682b9a955a9c1c68c69b8b03f38aabcb99bbfa4b4d1d2d49a51bab7ad336ac1431e9e79b5d5d1d1aa68b8b7b1733d8f7a1c09031ec8d7d4b7baada3649b8a9351472f104187d2ba6c6d97962f7c92907c333258355899985e41564d47748c8e88825e585b76815b04000000a48a8a778e867f75817a6e533e170000b89c887175897890a57322486ea06c00848e805c78885d8f9535000000047b30417f8d5a76625e7382120d65034a11493752858a76997a9563040e2b065e0b305c476f7a318e6c537d030000000a0233');
INSERT INTO looks VALUES (x'59826d0253ac44372e0c9eecb3d8adc2d793f9bed92b77bb678ffe2c5f183b5d', x'6463595d789fc0b18daae3a25b71705d6b6a535876867da0a0a19f8a55676c53866c4e557185889ea6899780515d674a6c6b49536c78a09ca6889f664f5462425e59435067717f8f9f7d79584d4c5d3f6175404e616b63a1979968534a444b288b6b494b59583dcb99912a304643474789c0413b2f2b2d7f6a291f2226273b5772937523262a3f5e3325251f1a1a3c72985751202527365a251f1e131a1b3ea996af221a26242542221c19131d1c233b725023161c1f1b2e1e111f7b73202f38a7301a3992561c1d1a106b71411f4d2558201e30766d1f201a1b1d1c1a1c7d4c582c1917111515131212141511224f425b614a2316120f0d0905060a0f1c2e42');
INSERT INTO looks VALUES (x'b77128478c9ef7765d0fd9370cb82e401afc1e86266e109dd7e769cb9f58eaf1', x'b59c777e869e7b8697a0a99d9aa1a8b2d2cca89b8a8b967e777f90b4a0979f7cd3cca09da85c77795f64649ea4939cb6d3ca9e9b7a456064524f66716163afc6c978524b321e1c71644e7148504c85c19d0c060507060b0d38552a1f1a2041b96e0e0a0b0506060910300d0d0e152563670c07080b3d504859420f0c0e181d128e320303030405050d240728140d0d1eb976040101010103070610201146b6b2d443040202020203040a07070c2e9de99c0d01020202020305030607071a4eca390101010101020304010507080e36c10a01010101010202020102060715237d0200010101010101010101030516528c0500000000000001000101020325eeef');
INSERT INTO derived VALUES (2230332224535078613);
CREATE INDEX photos_by_content ON photos (content);
CREATE INDEX faces_by_photo ON faces (photo);
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions
        BEGIN SELECT raise(ABORT, 'decisions are never deleted'); END;
CREATE TRIGGER decisions_keep BEFORE UPDATE ON decisions
        BEGIN SELECT raise(ABORT, 'decisions are never changed'); END;
CREATE INDEX placements_by_person ON placements (person);
CREATE UNIQUE INDEX learned_used ON learned (used) WHERE used = 1;
CREATE UNIQUE INDEX maps_used ON maps (used) WHERE used = 1;
CREATE TRIGGER placements_added AFTER INSERT ON placements BEGIN DELETE FROM derived; END;
CREATE TRIGGER placements_changed AFTER UPDATE ON placements BEGIN DELETE FROM derived; END;
CREATE TRIGGER placements_deleted AFTER DELETE ON placements BEGIN DELETE FROM derived; END;
COMMIT;
